"""One module per command of `inn8`, each imported when its command is called."""
