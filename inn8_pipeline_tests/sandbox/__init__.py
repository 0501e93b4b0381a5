"""Tests of the sandbox itself, on which many other tests rely."""
