"""The local environment of `inn8 demo` and `inn8 dev`: simulated API, embedded Postgres, Dagster servers."""
