"""The transform rules of each entity."""
