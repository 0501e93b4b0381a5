"""The asset checks beside the sync log, and their rules."""
