"""The entities' rules."""
