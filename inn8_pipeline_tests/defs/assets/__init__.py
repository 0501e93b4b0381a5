"""The catalog of the assets."""
