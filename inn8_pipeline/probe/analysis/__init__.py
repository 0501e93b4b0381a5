"""What responses say, computed without I/O."""
