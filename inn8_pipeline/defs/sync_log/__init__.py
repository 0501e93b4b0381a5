"""The sync log: the schema of an entry, how steps write it, and sensors that add what a killed run could not log."""
