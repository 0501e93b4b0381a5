"""The Dagster instance as commands use it: its home, its storage, runs, the sync log, and liveness checks."""
