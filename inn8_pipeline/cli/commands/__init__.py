"""The commands of `inn8`: one module each, imported when the command is called."""
