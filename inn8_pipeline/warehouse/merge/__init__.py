"""The merge of one landing into its table, in one transaction."""
