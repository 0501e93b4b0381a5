"""The Dagster instance as commands use it: its home, its storage, runs, the sync log, and the workers of Celery."""
