"""What `inn8 doctor` and the check of that name find: one list of findings for the terminal and for the UI."""
