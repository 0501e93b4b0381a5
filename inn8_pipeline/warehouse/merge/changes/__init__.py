"""Compare the columns that a merge would change, and apply the bound on mass changes."""
