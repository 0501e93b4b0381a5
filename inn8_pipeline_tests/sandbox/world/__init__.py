"""The simulated data."""
