"""The history of rows: when changes are valid from, and how past versions are read, compared and deleted."""
