"""Landings: the pages of a fetch, stored verbatim, and their retention."""

from datetime import timedelta

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By so much a landing may be ahead of the database's clock: a server that corrects its time a little stops no sync."""
