"""The schedules of a tenant, and the names that they had in release 0.1."""
