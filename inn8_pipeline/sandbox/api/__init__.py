"""The simulated INN8 API over HTTP: tokens, pages, faults and statistics."""
