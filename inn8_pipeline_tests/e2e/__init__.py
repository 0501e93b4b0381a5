"""The Dagster UI as an operator sees it: a real browser on a real webserver and daemon. `make e2e`, not `make test`."""
