"""The sync log in the warehouse: the schema of an entry, and the statements that write and read `inn8.sync_log`.

Also which entities are paused, of which the sync log has no entries.
"""
