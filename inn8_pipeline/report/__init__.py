"""Draw the report: one HTML file with what the syncs of the last days did, for people. It has no personal data."""
