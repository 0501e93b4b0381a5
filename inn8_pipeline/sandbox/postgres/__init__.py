"""An embedded Postgres server."""
