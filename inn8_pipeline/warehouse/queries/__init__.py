"""Read-only queries for checks, operators and the command line."""
