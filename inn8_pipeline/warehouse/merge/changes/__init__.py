"""The columns that a merge would change, and the bound on mass changes."""
