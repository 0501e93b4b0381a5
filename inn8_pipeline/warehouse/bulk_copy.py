"""Append rows to a table by COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows for COPY: `csv`, or `tuples` if CSV cannot express one of the values.

    `csv_rows.encode` makes them from a DataFrame. This module imports neither pandas nor pyarrow.
    """

    columns: tuple[str, ...] = ()
    csv: bytes = field(default=b"", repr=False)
    tuples: tuple[tuple[object, ...], ...] = field(default=(), repr=False)


def copy_rows(cursor: psycopg.Cursor[Any], table: str, rows: EncodedRows) -> None:
    """Append the rows to the table."""
    target = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    if rows.csv:
        with cursor.copy(target + sql.SQL(" (format csv)")) as copy:
            copy.write(rows.csv)
    if rows.tuples:
        copy_tuples(cursor, target, rows.tuples)


def copy_tuples(
    cursor: psycopg.Cursor[Any], target: sql.Composed | sql.SQL, tuples: Iterable[Sequence[object]]
) -> None:
    """Append tuples of Python values one by one. Use it for few rows, or for values that CSV cannot express."""
    with cursor.copy(target) as copy:
        for each in tuples:
            copy.write_row(each)
