"""Tests of the Dagster UI with a real browser, webserver and daemon. `make e2e` runs them, `make test` does not."""
