"""The settings as they are read: what is accepted, and which errors name which variable."""
