"""The merge."""
