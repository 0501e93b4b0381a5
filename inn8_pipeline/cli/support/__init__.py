"""Shared parts of the commands: options, output, errors, and access to Dagster and the warehouse."""
