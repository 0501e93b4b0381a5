"""The probe: what it finds, what it proposes, and that a report has no personal data."""
