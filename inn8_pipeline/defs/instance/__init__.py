"""Dagster's private names that are needed, and its storage."""
