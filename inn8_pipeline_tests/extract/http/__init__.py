"""HTTP: hostile responses, TLS."""
