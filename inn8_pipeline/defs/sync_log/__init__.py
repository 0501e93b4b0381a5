"""The sync log: its entries, and the sensors that complete it."""
