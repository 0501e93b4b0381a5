"""What Dagster makes of the pipeline: whole runs on real Postgres storage against the sandbox, their log, the ticks."""
