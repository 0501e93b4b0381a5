"""Tests of HTTP: hostile responses, TLS."""
