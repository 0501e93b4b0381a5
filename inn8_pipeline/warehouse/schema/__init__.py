"""Tables, views, access rights and migrations of the warehouse."""
