"""Tests of the transform, from JSON text to rows and rejects; without a network or a database."""
