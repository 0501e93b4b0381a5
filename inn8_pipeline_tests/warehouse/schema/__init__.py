"""Tables, views, rights and migrations."""
