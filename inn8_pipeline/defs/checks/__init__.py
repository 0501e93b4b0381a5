"""The asset checks other than the sync log: their rules, and when they are evaluated."""
