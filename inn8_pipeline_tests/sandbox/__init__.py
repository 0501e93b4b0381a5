"""Tests of the imitated API itself: what the other tests lean on must be right."""
