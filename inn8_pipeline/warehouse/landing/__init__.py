"""Landings: the records of a fetch, stored verbatim in chunks, and their retention."""

from datetime import timedelta

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a landing may be ahead of the database's clock. A small correction of the clock must not stop the syncs."""
