"""Reading JSON."""
