"""The history of rows: how changes are dated, and how past versions are read, compared and deleted."""
