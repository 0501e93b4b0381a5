"""An independent implementation of the rules: the row that a record becomes, or that it must be rejected.

It shares no code with the pipeline, so that a mistake of one is not repeated by the other. A row is a tuple of texts,
as `tables` reads it. Nothing here uses a database or a server.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Row = tuple[str | None, ...]
Record = Mapping[str, Any]
ENTITIES: Final = ("clients", "portfolios", "transactions")
PARENTS = {"portfolios": "clientId", "transactions": "portfolioId"}
ORPHAN = "unknown_parent"
INVALID = "invalid"

ACCOUNT_TYPES = (
    "individual", "joint", "trust", "company", "retirement_annuity", "preservation_fund", "living_annuity",
    "endowment", "tax_free",
)  # fmt: skip
TRANSACTION_TYPES = (
    "buy", "sell", "switch_in", "switch_out", "deposit", "withdrawal", "dividend", "interest", "fee", "tax",
    "transfer_in", "transfer_out",
)  # fmt: skip


class WrongError(Exception):
    """The record violates the contract."""


def row_of(entity: str, record: object) -> Row:
    """Return the row that a record becomes; raise WrongError if it is invalid. A parent is identified by INN8's id."""
    if not isinstance(record, dict):
        raise WrongError
    return {"clients": _client, "portfolios": _portfolio, "transactions": _transaction}[entity](record)


def id_of(record: object) -> str | None:
    """Return the record's id; None if it cannot be read."""
    try:
        return _id(record.get("id")) if isinstance(record, dict) else None
    except WrongError:
        return None


def owner_of(entity: str, record: object) -> str | None:
    """Return the id of the parent that the record names; None if it cannot be read."""
    try:
        return _id(record.get(PARENTS[entity])) if isinstance(record, dict) else None
    except WrongError:
        return None


def day_of(record: object) -> date | None:
    """Return the record's day of trade; None if it cannot be read."""
    try:
        return date.fromisoformat(_day(record.get("tradeDate"))) if isinstance(record, dict) else None
    except WrongError:
        return None


@dataclass
class Expected:
    """The expected result of records that INN8 sent in this order, and whose parents are `known`."""

    rows: dict[str, Row] = field(default_factory=dict)
    rejects: dict[str, str] = field(default_factory=dict)
    """By id: `ORPHAN` or `INVALID`, of the last invalid record of the id."""
    nameless: set[str] = field(default_factory=set)
    """Invalid records without a readable id, as canonical JSON."""
    has_unreadable: bool = False
    other_days: set[str] = field(default_factory=set)
    """Ids of records of days that the sync does not merge."""
    fetched: int = 0
    rejected: int = 0
    skipped: int = 0
    duplicate: int = 0


def expect(
    entity: str, records: Iterable[object], known: Collection[str], days: Collection[date] | None = None
) -> Expected:
    """Apply the rules to all records of a fetch; `days` are those that the sync merges."""
    expected = Expected()
    for record in records:
        expected.fetched += 1
        day = day_of(record) if entity == "transactions" else None
        if days is not None and day is not None and day not in days:
            expected.skipped += 1
            if external_id := id_of(record):
                expected.other_days.add(external_id)
            continue
        _take(expected, entity, record, known)
    return expected


def _take(expected: Expected, entity: str, record: object, known: Collection[str]) -> None:
    external_id, why = id_of(record), INVALID
    try:
        row: Row | None = row_of(entity, record)
        parent = PARENTS.get(entity)
        if parent and isinstance(record, dict) and record[parent] not in known:
            row, why = None, ORPHAN
    except WrongError:
        row = None
    if row is not None and external_id is not None:
        expected.duplicate += external_id in expected.rows
        expected.rows[external_id] = row
        return
    expected.rejected += 1
    if external_id is None:
        expected.nameless.add(json.dumps(record, default=str, sort_keys=True))
    else:
        expected.rejects[external_id] = why
    expected.has_unreadable |= external_id is None


def security_of(record: object) -> tuple[str, str, Row] | None:
    """Return id, day of trade and values of the security of a valid transaction."""
    security = record.get("security") if isinstance(record, dict) else None
    if not security or not isinstance(record, dict):
        return None
    names = ("symbol", "name", "isin", "type", "currency")
    return _id(security.get("id")), _day(record["tradeDate"]), tuple(_text(security.get(name)) for name in names)


def _client(record: Record) -> Row:
    phone = _text(record.get("phoneNumber")) or ""
    digits = re.sub("[^0-9]", "", phone)
    if len(digits) == 10:
        phone = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    return (
        _id(record.get("id")) and _required(record.get("fullName")),
        _text(record.get("emailAddress")),
        phone if phone.strip() else "",
        _address(record.get("address")),
        _choice(record.get("status"), ("active", "inactive", "suspended"), str.lower),
    )


def _address(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, dict):
        raise WrongError
    street, city, state, code = (
        (_text(value.get(name)) or "").strip() for name in ("street", "city", "state", "zipCode")
    )
    return ", ".join(part for part in (street, city, " ".join(part for part in (state, code) if part)) if part)


def _portfolio(record: Record) -> Row:
    _id(record.get("id"))
    return (
        _id(record.get("clientId")),
        _required(record.get("name")),
        _text(record.get("accountNumber")),
        _choice(record.get("type"), ACCOUNT_TYPES, _letters),
        _choice(record.get("status"), ("active", "pending", "suspended", "closed"), str.lower),
    )


def _transaction(record: Record) -> Row:
    _id(record.get("id"))
    security = record.get("security")
    if security is not None and not isinstance(security, dict):
        raise WrongError
    for name in ("symbol", "name", "isin", "type", "currency"):
        _text((security or {}).get(name))
    return (
        _id(record.get("portfolioId")),
        None if security is None else _id(security.get("id")),
        _choice(record.get("type"), TRANSACTION_TYPES, _letters),
        _day(record.get("tradeDate")),
        None if record.get("settlementDate") is None else _optional_day(record["settlementDate"]),
        *(_decimal(record.get(name)) for name in ("quantity", "price", "amount", "fees")),
        _text(record.get("currency")),
        _text(record.get("description")),
    )


def _text(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or "\0" in value):
        raise WrongError
    return value


def _required(value: object) -> str:
    text = _text(value)
    if text is None:
        raise WrongError
    return text


def _id(value: object) -> str:
    text = _text(value)
    if not text or len(text) > 255:
        raise WrongError
    return text


def _letters(text: str) -> str:
    return re.sub(r"[\s_-]", "", text.lower())


def _choice(value: object, choices: tuple[str, ...], fold: Any) -> str:  # noqa: ANN401 (str.lower or a function)
    if value is not None and not isinstance(value, str):
        raise WrongError
    wanted = fold((value or "").strip())
    return next((each for each in choices if fold(each) == wanted), "unknown")


def _day(value: object) -> str:
    day = _optional_day(value)
    if day is None:
        raise WrongError
    return day


def _optional_day(value: object) -> str | None:
    try:
        day = date.fromisoformat(_required(value)[:10])
    except ValueError:
        raise WrongError from None
    if (day.year, day.month, day.day) in {(1, 1, 1), (1753, 1, 1), (1900, 1, 1), (9999, 12, 31)}:
        return None
    if day.year < 1901 or day.year > 2199:
        raise WrongError
    return day.isoformat()


def _decimal(value: object) -> str | None:
    if value is None:
        return None
    try:
        number = Decimal(value) if isinstance(value, (str, Decimal)) else Decimal("NaN")
    except InvalidOperation:
        raise WrongError from None
    if not number.is_finite():
        raise WrongError
    plain = f"{number:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    whole, _, places = plain.lstrip("-").partition(".")
    if len(places) > 10 or len((whole + places).strip("0")) > 28 or len(whole) > 28:
        raise WrongError
    return "0" if not Decimal(plain) else plain
