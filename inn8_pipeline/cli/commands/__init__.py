"""One module per command of `inn8`; each is imported when it is called."""
