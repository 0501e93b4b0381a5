"""What INN8 sent, made into rows: exactly, vectorised, and with every faulty record set aside under its reason.

Pure: bytes in, frames out, no file, no network, no database, no clock. Read in this order: `transformer` (the way of a
page), `decode` and `spelling` (JSON to records), `values` (how one value is read), `columns` (records to frames),
`clients`, `portfolios`, `transactions` (the rules). Keys of parents are resolved in the warehouse, not here.
"""

from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.transformer import TRANSFORM_VERSION, Transformer

__all__ = ["TRANSFORM_VERSION", "Batch", "Transformer"]
