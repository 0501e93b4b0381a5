"""Analyse INN8's responses with pure functions, without I/O."""
