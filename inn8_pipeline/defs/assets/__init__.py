"""The assets: how they are materialized, what the catalog shows of them, and their metadata."""
