"""Page through a collection: styles of paging, links, prefetching, and consistency checks over all pages."""
