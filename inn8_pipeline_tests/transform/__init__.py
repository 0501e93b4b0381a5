"""Tests of the transform: from JSON text to frames and rejects. No network, no database."""
