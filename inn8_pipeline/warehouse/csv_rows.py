"""Encode DataFrames as CSV for COPY, and the digests of their records as a column of text.

Arrow writes the CSV, so no value is converted to a Python object. Strings are always quoted, so that an empty string is
not a null, and decimals keep every digit.
"""

import binascii
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from inn8_pipeline.warehouse.bulk_copy import EncodedRows
from inn8_pipeline.warehouse.landing.chunks import DIGEST_BYTES

_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="needed")
# Before version 18, Postgres takes a line with only these characters for the end of the data, even within quotes.
_END_OF_DATA = (b"\n\\.", b"\r\\.")

_PREFIX = b"\\x"
_TEXT_LENGTH = len(_PREFIX) + 2 * DIGEST_BYTES


def encode(frame: pd.DataFrame) -> EncodedRows:
    """Encode the rows of a frame. The columns of the table have the names of the frame's columns."""
    if frame.empty:
        return EncodedRows()
    # Combine the chunks, because Arrow's writer emits bytes even for a chunk without rows.
    rows = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    written = pa.BufferOutputStream()
    csv.write_csv(rows, written, _OPTIONS)
    text = written.getvalue().to_pybytes()
    columns = tuple(rows.column_names)
    if any(each in text for each in _END_OF_DATA):
        return EncodedRows(columns, tuples=tuple(zip(*(each.to_pylist() for each in rows.columns), strict=True)))
    return EncodedRows(columns, text)


class RecordDigests:
    """The digests of records by their ordinals, in any order."""

    def __init__(self) -> None:
        self._ordinals: list[int] = []
        self._digests: list[bytes] = []

    def add(self, ordinals: Sequence[int], digests: bytes | Iterable[bytes]) -> None:
        """Add digests, joined or one by one. They are ignored unless there is one for each of these ordinals."""
        joined = digests if isinstance(digests, bytes) else b"".join(digests)
        if len(joined) == len(ordinals) * DIGEST_BYTES:
            self._ordinals += ordinals
            self._digests.append(joined)

    def column(self, ordinals: Sequence[int], without: Collection[int]) -> pa.Array:
        """Return the digests of these records as Postgres reads `bytea` (a text); null for those in `without`.

        A record whose digest was not added has none either.
        """
        known = np.array(self._ordinals, np.int64)
        wanted = np.array(ordinals, np.int64)
        if not len(known) or not len(wanted):
            return pa.nulls(len(wanted), pa.string())
        # Retried rejects have negative ordinals, which descend.
        ascending = np.argsort(known, kind="stable")
        places = ascending[np.minimum(np.searchsorted(known, wanted, sorter=ascending), len(known) - 1)]
        has_digest = (known[places] == wanted) & ~np.isin(wanted, np.array(list(without), np.int64))
        texts = np.empty((len(wanted), _TEXT_LENGTH), np.uint8)
        texts[:, : len(_PREFIX)] = np.frombuffer(_PREFIX, np.uint8)
        hexadecimal = np.frombuffer(binascii.hexlify(b"".join(self._digests)), np.uint8)
        texts[:, len(_PREFIX) :] = hexadecimal.reshape(-1, 2 * DIGEST_BYTES)[places]
        ends = pa.array(np.arange(len(wanted) + 1, dtype=np.int32) * _TEXT_LENGTH)
        column = pa.StringArray.from_buffers(len(wanted), ends.buffers()[1], pa.py_buffer(texts))
        return pc.if_else(pa.array(has_digest), column, pa.scalar(None, pa.string()))
