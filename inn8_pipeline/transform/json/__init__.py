"""Read JSON: from the bytes of a page to typed records, and to invalid records with their reasons."""
