"""Tests of the simulated data."""
