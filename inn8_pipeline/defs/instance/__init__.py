"""Access to Dagster's instance: private names in one place, pauses, mutes, capacity, deletion from its storage."""
