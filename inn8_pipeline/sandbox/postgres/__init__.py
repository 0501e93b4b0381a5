"""An embedded Postgres server in a folder, for the demo, `inn8 dev` and the tests."""
