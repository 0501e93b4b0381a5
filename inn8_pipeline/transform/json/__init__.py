"""JSON text to records: parsing, strict reading, field names."""
