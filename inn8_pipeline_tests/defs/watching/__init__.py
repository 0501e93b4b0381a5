"""What `inn8 doctor` and the check of that name find."""
