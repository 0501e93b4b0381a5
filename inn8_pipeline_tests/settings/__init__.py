"""Reading the settings: accepted values, and errors that name the variable."""
