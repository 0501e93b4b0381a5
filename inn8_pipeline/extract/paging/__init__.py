"""Paging through a collection: links, prefetching, and consistency over all pages."""
