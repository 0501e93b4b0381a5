"""The asset checks beside the sync log: what each one evaluates, and when."""
