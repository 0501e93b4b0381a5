"""DataFrames into a table by COPY.

Arrow writes the CSV, so no value passes through a Python object: strings are always quoted (an empty one is not a null)
and decimals are printed digit by digit.
"""

from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="needed")
# Postgres before 18 takes a line of just this for the end of the data, even within quotes.
_END_OF_DATA = (b"\n\\.", b"\r\\.")


def copy_frame(cursor: psycopg.Cursor[Any], table: str, frame: pd.DataFrame) -> None:
    """Append the frame's rows to the table; its columns are named as the table's."""
    if frame.empty:
        return
    # In one chunk: of an empty one among others Arrow's writer makes bytes out of nowhere.
    rows = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    written = pa.BufferOutputStream()
    csv.write_csv(rows, written, _OPTIONS)
    text = written.getvalue().to_pybytes()
    target = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    if any(each in text for each in _END_OF_DATA):
        copy_tuples(cursor, target, zip(*(column.to_pylist() for column in rows.columns), strict=True))
        return
    with cursor.copy(target + sql.SQL(" (format csv)")) as copy:
        copy.write(text)


def copy_tuples(cursor: psycopg.Cursor[Any], target: sql.Composed | sql.SQL, tuples: Any) -> None:  # noqa: ANN401 (psycopg's)
    """Append tuples of Python values, one by one: for the few, and for what CSV cannot say."""
    with cursor.copy(target) as copy:
        for each in tuples:
            copy.write_row(each)
