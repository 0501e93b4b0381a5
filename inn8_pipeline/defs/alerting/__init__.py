"""Incidents, the sensors that report them, and the heartbeat."""
