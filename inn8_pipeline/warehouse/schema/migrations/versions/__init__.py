"""One module per step of the schema, oldest first. A step that has landed is never edited; the next one mends it."""
