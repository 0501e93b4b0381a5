"""Runs whose steps execute elsewhere than in the run's own process."""
