"""Executors of steps, the connection that shows that a run's process is alive, and pools that limit concurrent runs."""
