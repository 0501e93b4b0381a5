"""Erasure of one person's data (GDPR, POPIA)."""
