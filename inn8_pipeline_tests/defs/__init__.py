"""Tests of defs: whole runs on a real Postgres storage against the sandbox, the sync log, and the schedules."""
