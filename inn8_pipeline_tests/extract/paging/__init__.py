"""Paging, links and consistency over pages."""
