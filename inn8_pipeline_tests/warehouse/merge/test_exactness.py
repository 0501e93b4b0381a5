"""From JSON text to the value read back from Postgres: the same to the digit and the character, or a reject."""

import json
from datetime import date
from decimal import Decimal
from itertools import count

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.options import RejectLimit
from inn8_pipeline_tests.transform.builders import body, client, transaction
from inn8_pipeline_tests.warehouse.syncs import Changes, Syncs, Verbatim

# Each example is a page of many values, and a sync: a few examples are many values.
as_pages = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
IDS = count()
NO_BOUND: Changes = {"reject_limit": RejectLimit(percent=100), "removal_limit": RemovalLimit(is_overridden=True)}

plain = st.from_regex(r"-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,12})?", fullmatch=True)
odd = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,14})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
numbers = st.one_of(plain, odd, st.sampled_from(["1e27", "1e28", "1E-10", "1E-11", "-0", "0e99", "9" * 28, "9" * 29]))
quoted = st.tuples(numbers, st.booleans())
texts = st.text(st.characters(), max_size=60)


def is_exact(number: Decimal) -> bool:
    """Return whether it has at most 28 significant digits, 10 of them after the point, without trailing zeros."""
    if not number:
        return True
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    while exponent < 0 and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    return -exponent <= 10 and len(digits) + max(exponent, 0) <= 28


def character_by_character(text: str) -> str | None:
    """Return the text as JSON defines it, surrogate pairs joined; None if Postgres cannot store it."""
    try:
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None
    return None if "\0" in whole else whole


def accounted(syncs: Syncs, table: str, ids: list[str], column: str) -> dict[str, object]:
    """Return the column of the rows of these ids; every other id must be an open reject."""
    rows = {row["external_id"]: row[column] for row in syncs.rows(table) if row["external_id"] in ids}
    rejected = {row["external_id"] for row in syncs.rejects()}
    assert set(ids) == rows.keys() | (rejected & set(ids))
    assert not rows.keys() & rejected
    return rows


@as_pages
@example([("1.10", True), ("0.30000000000000004", False), ("1234567890123456789012345678", False)])
@given(st.lists(quoted, min_size=1, max_size=60))
def test_a_number_arrives_as_the_same_numeric_or_is_rejected(owned: Syncs, values: list[tuple[str, bool]]) -> None:
    sent = {f"N-{next(IDS)}": value for value in values}
    records = [
        body(transaction(id=each, quantity="HERE"))[1:-1].replace(
            b'"HERE"', (f'"{number}"' if is_quoted else number).encode()
        )
        for each, (number, is_quoted) in sent.items()
    ]
    page = Verbatim(b"[" + b",".join(records) + b"]", len(records))
    owned.transactions([page], **NO_BOUND)
    rows = accounted(owned, "transactions", list(sent), "quantity")
    expected = {each: Decimal(number) for each, (number, _) in sent.items() if is_exact(Decimal(number))}
    assert rows == expected


@as_pages
@example(["\\.", "\n\\.\n", "\r\\.\r", "", '"', "'", ",", "\t", "\\N", "\\x41", "\u202eright to left", "\U0001f600"])
@example(["\ud83d\ude00", "\ud800", "\0", "NULL", "null", "x" * 1_000_000])
@given(st.lists(texts, min_size=1, max_size=60))
def test_a_text_arrives_character_by_character_or_is_rejected(syncs: Syncs, values: list[str]) -> None:
    sent = {f"C-{next(IDS)}": value for value in values}
    page = json.dumps([client(id=each, fullName=value) for each, value in sent.items()]).encode()
    syncs.clients([Verbatim(page, len(sent))], **NO_BOUND)
    rows = accounted(syncs, "clients", list(sent), "name")
    expected = {each: character_by_character(value) for each, value in sent.items()}
    assert rows == {each: value for each, value in expected.items() if value is not None}


EMPTY_DATES = (date.min, date(1753, 1, 1), date(1900, 1, 1), date.max)


@as_pages
@example([*EMPTY_DATES, date(1901, 1, 1), date(2199, 12, 31), date(26, 10, 5), date(2200, 1, 1)])
@given(st.lists(st.dates(), min_size=1, max_size=60))
def test_a_day_arrives_as_the_same_day_or_is_null_or_rejected(owned: Syncs, values: list[date]) -> None:
    sent = {f"D-{next(IDS)}": value for value in values}
    owned.transactions(
        [transaction(id=each, settlementDate=value.isoformat()) for each, value in sent.items()],
        **NO_BOUND,
    )
    expected: dict[str, date | None] = {each: day for each, day in sent.items() if 1901 <= day.year <= 2199}
    expected |= {each: None for each, day in sent.items() if day in EMPTY_DATES}
    assert accounted(owned, "transactions", list(sent), "settlement_date") == expected


def test_empty_texts_stay_empty_and_nulls_stay_null(syncs: Syncs) -> None:
    syncs.clients([client(emailAddress=""), client(id="C-2", emailAddress=None)])
    assert [row["email"] for row in syncs.rows("clients")] == ["", None]


def test_an_id_is_kept_to_the_letter(syncs: Syncs) -> None:
    ids = [" C-1", "C-1", "c-1", "C-1 ", "é", "e\u0301", "\\.", "\n", "0", "x" * 255, "\U0001f600" * 255]
    assert syncs.clients([client(id=each) for each in ids]).counts.inserted == len(ids)
    assert sorted(row["external_id"] for row in syncs.rows("clients")) == sorted(ids)
    assert syncs.clients([client(id=each) for each in ids], may_repeat=False).counts.unchanged == len(ids)
