"""Rows by COPY: values that CSV could confuse are quoted, or sent another way."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from inn8_pipeline.transform.columns import DECIMAL
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.bulk_copy import copy_rows
from inn8_pipeline.warehouse.csv_rows import encode

TEXTS = [
    "plain",
    "",
    None,
    "\\.",
    "a\n\\.\nb",
    "a\r\\.\rb",
    '"',
    '""',
    "'",
    ",",
    "\\N",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "ü\u202e",
]
NUMBERS = [Decimal("1.10"), None, Decimal("-0.0000000001"), Decimal("9" * 28), *[Decimal(0)] * (len(TEXTS) - 4)]


def frame(texts: list[str | None]) -> pd.DataFrame:
    arrays = {"text": pa.array(texts, pa.string()), "number": pa.array(NUMBERS[: len(texts)], pa.decimal128(38, 10))}
    return pd.DataFrame({name: pd.arrays.ArrowExtensionArray(array) for name, array in arrays.items()})


def copied(url: str, sent: pd.DataFrame) -> list[Any]:
    engine = database.connect(url)
    with engine.begin() as connection, database.raw(connection).cursor() as cursor:
        cursor.execute("create temporary table target (number numeric(38, 10), text text, place serial)")
        copy_rows(cursor, "target", encode(sent))
        return cursor.execute("select text, number from target order by place").fetchall()


def test_rows_that_follow_an_empty_chunk_arrive_whole(empty_database: str) -> None:
    arrays = {
        "text": pa.chunked_array([pa.array([], pa.string()), pa.array(["a", "b"])]),
        "number": pa.chunked_array([pa.array([], DECIMAL), pa.array([Decimal(1), Decimal(2)], DECIMAL)]),
    }
    sent = pd.DataFrame({name: pd.arrays.ArrowExtensionArray(array) for name, array in arrays.items()})
    assert copied(empty_database, sent) == [("a", 1), ("b", 2)]


def test_every_text_and_number_arrives_as_it_was(empty_database: str) -> None:
    assert copied(empty_database, frame(TEXTS)) == list(zip(TEXTS, NUMBERS, strict=True))


@pytest.mark.parametrize("text", ["a\n\\.\nb", "\n\\.", "a\r\\.\rb"])
def test_a_line_that_ends_the_data_for_older_servers_is_not_sent_as_csv(empty_database: str, text: str) -> None:
    rows = encode(frame(["x", text]))
    assert (rows.csv, len(rows.tuples)) == (b"", 2)
    assert copied(empty_database, frame(["x", text])) == [("x", NUMBERS[0]), (text, NUMBERS[1])]


def test_a_frame_without_rows_copies_nothing(empty_database: str) -> None:
    assert copied(empty_database, frame([])) == []
