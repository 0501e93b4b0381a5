"""Incidents, alerts and the heartbeat."""
