"""Incidents: how they are found, the sensors that report them, and the heartbeat."""
