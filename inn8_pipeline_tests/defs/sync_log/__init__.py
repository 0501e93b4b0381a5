"""The sync log."""
