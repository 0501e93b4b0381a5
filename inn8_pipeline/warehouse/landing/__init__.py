"""Landings: the pages of a fetch, stored verbatim, and their retention."""
