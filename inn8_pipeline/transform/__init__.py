"""What INN8 sent, made into rows: exactly, vectorised, and with every faulty record set aside under its reason.

Pure: bytes in, frames out, no file, no network, no database, no clock. Read in this order: `transformer` (the way of a
page), `decode` and `spelling` (JSON to records), `values` (how one value is read), `columns` (records to frames),
`clients`, `portfolios`, `transactions` (the rules). Keys of parents are resolved in the warehouse, not here.
"""

TRANSFORM_VERSION = 1
"""Raised when the rules change: what was merged under other rules is merged again, though INN8 sends the same."""
