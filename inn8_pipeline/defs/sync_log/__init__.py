"""The sync log: the schema of its entries, the steps' entries, and the sensor that adds entries for killed runs."""
