"""Rows that a landing lacks: what proves that INN8 no longer has them, and what happens to them then."""
