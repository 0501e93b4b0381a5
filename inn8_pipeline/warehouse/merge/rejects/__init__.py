"""Records that are not merged: those that this merge excludes, open rejects, and the rows that rejects hide."""
