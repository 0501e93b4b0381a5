"""The schedules, and the names that they had in earlier releases."""
