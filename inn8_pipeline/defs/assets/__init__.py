"""The assets: their steps, their catalog entries and their metadata."""
