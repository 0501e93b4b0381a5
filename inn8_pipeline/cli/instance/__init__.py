"""How commands use the Dagster instance: its home, its storage, runs, the sync log, and liveness checks."""
