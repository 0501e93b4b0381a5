"""Tests of the history of rows."""
