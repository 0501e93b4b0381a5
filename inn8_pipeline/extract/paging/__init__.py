"""Paging through a collection: links, prefetching, consistency over all pages."""
