"""Decode the bytes of a page: all records at once where they are valid, record by record otherwise.

`read_each` and `read_payloads` return only valid records, so no later step can fail on one; the others are returned as
`InvalidRecord` with a reason.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

import msgspec

from inn8_pipeline.entities import Kind, Notation, Property, ReasonCode
from inn8_pipeline.transform.json import parsing
from inn8_pipeline.transform.json.field_names import FieldNames
from inn8_pipeline.transform.json.strict import read_id_and_day, read_record
from inn8_pipeline.transform.values import NUL_ESCAPE, InvalidValueError, Number, Pairs, read_date

# A text that matches is within all bounds of `read_decimal`, and Arrow casts it exactly.
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,10})?")
_PLAIN_INTEGERS = range(-(10**18) + 1, 10**18)
MAX_CACHED_DATES = 20_000
_TOO_DEEP = "the record is nested too deeply to be read"


@dataclass(frozen=True, slots=True)
class InvalidRecord:
    """A record that cannot be read. `position` is its index on the page; id and date are None if unreadable."""

    position: int
    code: ReasonCode
    reason: str
    payload: bytes = field(repr=False)
    external_id: str | None = field(repr=False)
    trade_date: date | None


@dataclass(frozen=True, slots=True)
class DecodedPage:
    """The records of a page, valid and invalid. `positions` are the indices of `records` on the page, ascending."""

    records: list[Any] = field(repr=False)
    positions: Sequence[int]
    invalid: list[InvalidRecord]


class DateCache:
    """A bounded cache from the text of a date to its day, None for an empty date: a page has few distinct texts.

    Each notation has a cache of its own.
    """

    def __init__(self, notation: Notation | None = None) -> None:
        self._notation = notation
        self._known: dict[str | int, date | None] = {}
        self._others: dict[Notation, DateCache] = {}

    def of(self, source: Property) -> "DateCache":
        """Return the cache of the property's notation."""
        if source.notation is None:
            return self
        return self._others.setdefault(source.notation, DateCache(source.notation))

    def __len__(self) -> int:
        """Return the number of cached texts, at most `MAX_CACHED_DATES`."""
        return len(self._known)

    def __getitem__(self, text: str | int) -> date | None:
        """Return the day. Raise InvalidValueError if the text is not a date."""
        if text not in self._known:
            if len(self._known) >= MAX_CACHED_DATES:
                self._known.clear()
            self._known[text] = read_date(text, "date", self._notation)
        return self._known[text]


class RecordReader:
    """Read the records of one entity; the spellings of names are learned from page to page. Not thread-safe."""

    def __init__(self, properties: tuple[Property, ...], dates: DateCache) -> None:
        self.names = FieldNames(properties)
        self._dates = [
            (attrgetter(each.name), each.is_required, dates.of(each)) for each in properties if each.kind is Kind.DATE
        ]
        self._decimals = [
            (attrgetter(each.name), each.notation is not None) for each in properties if each.kind is Kind.DECIMAL
        ]
        self._build_decoders()

    def read_fast(self, body: bytes) -> list[Any] | None:
        """Return the records of a page if the types of all their values are valid; None otherwise.

        Texts and ids are valid then. Dates and decimals are not read yet, and may still be invalid.
        """
        if NUL_ESCAPE in body:
            return None
        try:
            return self._page_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def read_each(self, body: bytes) -> DecodedPage:
        """Return the records of a page, read one by one.

        Raises:
            ValueError: The body is not a JSON array.

        """
        return self.read_payloads(split(body))

    def read_payloads(self, payloads: Sequence[msgspec.Raw | bytes]) -> DecodedPage:
        """Return the records of these payloads, as `read_each` would return a page of them."""
        records: list[Any] = [self._decode(payload) for payload in payloads]
        unread = [position for position, record in enumerate(records) if record is None]
        valid = [record for record in records if record is not None]
        invalid: list[InvalidRecord] = []
        for position in unread:
            payload = bytes(payloads[position])
            found = self._decode(payload) or self._read_exactly(payload, position, valid)
            if isinstance(found, InvalidRecord):
                invalid.append(found)
            else:
                records[position] = found
                valid.append(found)
        positions = [position for position, record in enumerate(records) if record is not None]
        return DecodedPage([records[position] for position in positions], positions, invalid)

    def _decode(self, payload: msgspec.Raw | bytes) -> Any:  # noqa: ANN401
        """Return the record if the fast decoder accepts it and all its values are plain; None otherwise."""
        try:
            record = self._record_decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return record if self._is_plain(record) and NUL_ESCAPE not in bytes(payload) else None

    def _read_exactly(self, payload: bytes, position: int, peers: list[Any]) -> Any:  # noqa: ANN401
        """Return the record, or why it is invalid. Learn its names, so that similar records are decoded fast."""
        try:
            value = parsing.parse(payload)
        except RecursionError:
            return InvalidRecord(position, ReasonCode.OUT_OF_RANGE, _TOO_DEEP, payload, None, None)
        if isinstance(value, Pairs) and self.names.learn(value, lambda: peers):
            self._build_decoders()
        try:
            return read_record(value, self.names)
        except InvalidValueError as error:
            return InvalidRecord(position, error.code, error.reason, payload, *read_id_and_day(value, self.names))

    def _is_plain(self, record: Any) -> bool:  # noqa: ANN401
        try:
            for get, is_required, days in self._dates:
                text = get(record)
                if text is not None and days[text] is None and is_required:
                    return False
        except InvalidValueError:
            return False
        return all(
            _is_plain_decimal(get(record)) and not (has_notation and _is_text(get(record)))
            for get, has_notation in self._decimals
        )

    def _build_decoders(self) -> None:
        # A number with a point or an exponent stays text; an integer becomes an int. Both are exact.
        record_type = self.names.record_type
        as_text = Number if any(has_notation for _, has_notation in self._decimals) else str
        self._record_decoder = msgspec.json.Decoder(record_type, float_hook=as_text)
        self._page_decoder = msgspec.json.Decoder(list[record_type], float_hook=as_text)  # type: ignore[valid-type]


def split(body: bytes) -> Sequence[msgspec.Raw | bytes]:
    """Return the records of a page, byte for byte. Raise ValueError if the body is not a JSON array."""
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        # msgspec cannot parse half of a surrogate pair, or a deeply nested value, even if it skips them.
        return list(parsing.split(body))


def _is_text(value: object) -> bool:
    """Return True for a decimal that was sent as text, which a notation applies to."""
    return isinstance(value, str) and not isinstance(value, Number)


def _is_plain_decimal(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return _PLAIN_DECIMAL.fullmatch(value) is not None
    return type(value) is int and value in _PLAIN_INTEGERS
