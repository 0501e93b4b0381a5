"""Decimals and dates at the limits of their ranges, on the fast path and on the exact path."""

import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from inn8_pipeline.entities import TRANSACTIONS, ReasonCode
from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.json.reading import MAX_CACHED_DATES, DateCache
from inn8_pipeline_tests.transform.builders import read, read_text, reject, row, rows, transaction, with_raw

OUT_OF_RANGE, WRONG_TYPE = ReasonCode.OUT_OF_RANGE, ReasonCode.WRONG_TYPE


def read_raw(name: str, raw: str) -> Batch:
    return read_text(TRANSACTIONS, with_raw(transaction(), name, raw), 1)


def read_raw_exactly(name: str, raw: str) -> Batch:
    """Return the result for a page with an invalid record too, so that both records are read one by one."""
    text = with_raw(transaction(), name, raw)
    return read_text(TRANSACTIONS, b"[null," + text[1:], 2)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("0", "0"), ("-0", "0"), ("-0.00", "0"), ("7", "7"), ("-7", "-7"), ("12.50", "12.5"), ("0.1", "0.1"),
        ("0.0000000001", "0.0000000001"), ("-0.0000000001", "-0.0000000001"),
        ("0.30000000000000000", "0.3"), ("1.0000000000000000000000000000000000000000000000", "1"),
        ("9007199254740993", "9007199254740993"), ("123456789012345678.0123456789", "123456789012345678.0123456789"),
        ("999999999999999999", "999999999999999999"), ("1000000000000000000", "1000000000000000000"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
        ("-999999999999999999.9999999999", "-999999999999999999.9999999999"),
        ("1e27", "1000000000000000000000000000"), ("1E+3", "1000"), ("1e-10", "0.0000000001"), ("12.5e1", "125"),
        ("100000000000e-21", "0.0000000001"), ("0e999999999", "0"), ("0.0e-99999999999999999999", "0"),
        ('"12.50"', "12.5"), ('"-7"', "-7"), ('"1e3"', "1000"), ('"+1"', "1"), ('".5"', "0.5"), ('"5."', "5"),
        ('"007"', "7"), ('"1.50000000000000"', "1.5"), ('"\\u0031"', "1"), ("1" + "0" * 40 + "e-40", "1"),
        ("null", None),
    ],
    ids=lambda text: str(text)[:60],
)  # fmt: skip
def test_a_number_or_a_numeric_string_arrives_as_the_same_decimal(raw: str, value: str | None) -> None:
    expected = None if value is None else Decimal(value)
    assert row(read_raw("amount", raw))["amount"] == expected
    assert rows(read_raw_exactly("amount", raw))[0]["amount"] == expected


@pytest.mark.parametrize(
    ("raw", "code", "reason"),
    [
        ("0.00000000001", OUT_OF_RANGE, "amount has more than 10 decimal places"),
        ("1.23456789012", OUT_OF_RANGE, "amount has more than 10 decimal places"),
        ("1e-11", OUT_OF_RANGE, "amount has more than 10 decimal places"),
        ("1e-999999999", OUT_OF_RANGE, "amount has more than 10 decimal places"),
        ('"1e-99999999999999999999"', OUT_OF_RANGE, "amount has more than 10 decimal places"),
        ("12345678901234567890123456789", OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ("1234567890123456789.0123456789", OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ("1234567890123456789012345678.5", OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ("1e28", OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ("1e999999999", OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ("1e" + "9" * 5000, OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ("9" * 5000, OUT_OF_RANGE, "amount has more than 28 significant digits"),
        ('"NaN"', OUT_OF_RANGE, "amount is not a finite number"),
        ('"-Infinity"', OUT_OF_RANGE, "amount is not a finite number"),
        ('"12,50"', WRONG_TYPE, "amount is not a number"),
        ('" 12.50"', WRONG_TYPE, "amount is not a number"),
        ('"12.50\\n"', WRONG_TYPE, "amount is not a number"),
        ('"1_000"', WRONG_TYPE, "amount is not a number"),
        ('"0x10"', WRONG_TYPE, "amount is not a number"),
        ('"١٢"', WRONG_TYPE, "amount is not a number"),
        ('"1e"', WRONG_TYPE, "amount is not a number"),
        ('"."', WRONG_TYPE, "amount is not a number"),
        ('""', WRONG_TYPE, "amount is not a number"),
        ("true", WRONG_TYPE, "amount is not a number"),
        ("[1]", WRONG_TYPE, "amount is not a number"),
        ('{"value":1}', WRONG_TYPE, "amount is not a number"),
    ],
    ids=lambda text: f"{text[:40]} ({len(text)})",
)  # fmt: skip
def test_an_invalid_number_is_rejected_and_never_rounded(raw: str, code: ReasonCode, reason: str) -> None:
    for batch in (read_raw("amount", raw), read_raw_exactly("amount", raw)):
        found = batch.rejects[-1]
        assert len(batch.rows) == 0
        assert (found.reason_code, found.reason) == (code, reason)
        assert (found.external_id, found.trade_date) == ("T-1", date(2026, 10, 5))


@pytest.mark.parametrize("name", ["quantity", "price", "amount", "fees"])
def test_each_of_the_four_decimals_is_exact_and_checked(name: str) -> None:
    assert row(read_raw(name, "0.1000000001"))[name] == Decimal("0.1000000001")
    assert row(read_raw(name, "null"))[name] is None
    assert reject(read_raw(name, "1e28")).reason == f"{name} has more than 28 significant digits"


@pytest.mark.parametrize(
    "raw",
    ["1e999999999", '"-1e-999999999"', "1e" + "9" * 1_000_000, "9" * 1_000_000, "0." + "0" * 1_000_000 + "1",
     '"' + "9" * 1_000_000 + 'x"', "0e" + "9" * 1_000_000, '"' + "1.1" * 300_000 + '"'],
    ids=lambda raw: f"{raw[:14]} ({len(raw)})",
)  # fmt: skip
def test_the_cost_of_a_number_depends_on_the_length_of_its_text_only(raw: str) -> None:
    begin = time.process_time()
    batch = read_raw("amount", raw)
    assert batch.records == 1
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ("2026-10-05", date(2026, 10, 5)),
        ("2024-02-29", date(2024, 2, 29)),
        ("1901-01-01", date(1901, 1, 1)),
        ("2199-12-31", date(2199, 12, 31)),
        ("2026-10-05T00:00:00", date(2026, 10, 5)),
        ("2026-10-05T23:59:59.9999999+02:00", date(2026, 10, 5)),
        ("2026-10-05T23:30:00-11:00", date(2026, 10, 5)),
        ("2026-10-05T23:59:60Z", date(2026, 10, 5)),
        ("2026-10-05t08:00z", date(2026, 10, 5)),
        ("2026-10-05T08:00+0200", date(2026, 10, 5)),
    ],
)
def test_a_date_is_the_day_as_written_without_a_time_zone(sent: str, day: date) -> None:
    made = row(read(TRANSACTIONS, transaction(tradeDate=sent, settlementDate=sent)))
    assert (made["trade_date"], made["settlement_date"]) == (day, day)
    beside = rows(read(TRANSACTIONS, transaction(tradeDate=sent, settlementDate=sent), None))
    assert (beside[0]["trade_date"], beside[0]["settlement_date"]) == (day, day)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("2026-02-30", OUT_OF_RANGE), ("2023-02-29", OUT_OF_RANGE), ("2026-13-01", OUT_OF_RANGE),
        ("0000-01-01", OUT_OF_RANGE), ("2026-02-30T00:00:00Z", OUT_OF_RANGE),
        ("2026-2-3", WRONG_TYPE), ("20261005", WRONG_TYPE), ("2026-W41-1", WRONG_TYPE), ("10/05/2026", WRONG_TYPE),
        ("12026-10-05", WRONG_TYPE), ("-2026-10-05", WRONG_TYPE), (" 2026-10-05", WRONG_TYPE),
        ("2026-10-05\n", WRONG_TYPE), ("2026-10-05T", WRONG_TYPE), ("2026-10-05T25:00", WRONG_TYPE),
        ("2026-10-05 08:00", WRONG_TYPE), ("2026-10-05Z", WRONG_TYPE), ("٢٠٢٦-١٠-٠٥", WRONG_TYPE), ("", WRONG_TYPE),
        ("0026-10-05", OUT_OF_RANGE), ("1900-12-31", OUT_OF_RANGE), ("2200-01-01", OUT_OF_RANGE),
        ("0001-01-02", OUT_OF_RANGE), ("9999-12-30T00:00:00", OUT_OF_RANGE),
        (20261006, WRONG_TYPE), (2026.5, WRONG_TYPE), (True, WRONG_TYPE), ({}, WRONG_TYPE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["tradeDate", "settlementDate"])
def test_an_invalid_date_is_rejected(name: str, sent: Any, code: ReasonCode) -> None:  # noqa: ANN401
    found = reject(read(TRANSACTIONS, transaction(**{name: sent})))
    findings = {"is not a date"} if code is WRONG_TYPE else {"is no day of the calendar", "is not from 1901 to 2199"}
    assert found.reason_code == code
    assert found.reason.removeprefix(f"{name} ") in findings
    assert found.trade_date == (None if name == "tradeDate" else date(2026, 10, 5))


# What .NET and SQL Server write for a date that was never set: `default(DateTime)`, `default(DateTimeOffset)`,
# `default(DateOnly)`, `SqlDateTime.MinValue`, an empty string cast to `datetime`, and `DateTime.MaxValue`.
EMPTY = [
    "0001-01-01T00:00:00", "0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00.0000000+02:00", "1753-01-01T00:00:00", "1900-01-01", "1900-01-01T00:00:00",
    "9999-12-31T23:59:59.9999999", "9999-12-31",
]  # fmt: skip


@pytest.mark.parametrize("sent", EMPTY)
def test_an_empty_settlement_date_is_null_and_counted(sent: str) -> None:
    alone = read(TRANSACTIONS, transaction(settlementDate=sent), transaction(), transaction(settlementDate=None))
    beside = read(TRANSACTIONS, transaction(settlementDate=sent), transaction(), transaction(settlementDate=None), None)
    for batch in (alone, beside):
        assert [each["settlement_date"] for each in rows(batch)] == [None, date(2026, 10, 8), None]
        assert batch.unknown_values["settlementDate"].counts == {sent[:10]: 1}


@pytest.mark.parametrize("sent", EMPTY)
def test_a_record_with_an_empty_trade_date_is_rejected_as_missing_it(sent: str) -> None:
    for batch in (
        read(TRANSACTIONS, transaction(tradeDate=sent)),
        read(TRANSACTIONS, transaction(tradeDate=sent), None),
    ):
        found = batch.rejects[0]
        assert (found.reason_code, found.external_id, found.trade_date) == (ReasonCode.MISSING_FIELD, "T-1", None)
        assert found.reason == "tradeDate is an empty date (such as 0001-01-01), which means that none was set"


def test_an_empty_trade_date_is_rejected_and_not_skipped_as_outside_of_a_window() -> None:
    sent = [transaction(tradeDate="0001-01-01T00:00:00"), transaction(tradeDate="0026-10-05"), transaction()]
    batch = read(TRANSACTIONS, *sent, is_inside=lambda day: day.year == 2026)
    assert (len(batch.rejects), batch.skipped, len(batch.rows)) == (2, 0, 1)


def test_more_distinct_dates_than_the_cache_holds_are_all_read() -> None:
    days = DateCache()
    for number in range(MAX_CACHED_DATES + 100):
        minutes, seconds = divmod(number, 60)
        assert days[f"2026-10-05T{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"] == date(2026, 10, 5)
        assert len(days) <= MAX_CACHED_DATES


def test_a_missing_settlement_date_is_null() -> None:
    assert row(read(TRANSACTIONS, transaction(settlementDate=None)))["settlement_date"] is None
