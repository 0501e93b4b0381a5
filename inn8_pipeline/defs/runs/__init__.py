"""Executors of steps, the lock that shows that a run's process is alive, and pools that limit concurrent runs."""
