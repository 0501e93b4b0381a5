"""Encode DataFrames as CSV for COPY.

Arrow writes the CSV, so no value is converted to a Python object. Strings are always quoted, so that an empty string is
not a null, and decimals keep every digit.
"""

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from inn8_pipeline.warehouse.bulk_copy import EncodedRows

_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="needed")
# Before version 18, Postgres takes a line with only these characters for the end of the data, even within quotes.
_END_OF_DATA = (b"\n\\.", b"\r\\.")


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
