"""Dagster's private names that the pipeline uses, and deletion from Dagster's storage."""
