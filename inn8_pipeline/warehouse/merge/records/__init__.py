"""The records of a landing: their source, which of them are read, and the temporary tables that hold them."""
