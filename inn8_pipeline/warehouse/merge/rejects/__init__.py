"""Records that are not merged: exclusions, open rejects, and rows that are hidden because of a reject."""
