"""Tests of paging, links and the consistency of pages."""
