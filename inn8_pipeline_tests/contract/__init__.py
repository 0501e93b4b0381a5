"""The contract: its file, its effects on requests, pages and rows."""
