"""Rows that a landing lacks: decide whether INN8 no longer has them, and mark them as missing or removed."""
