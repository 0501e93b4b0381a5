"""From a page's bytes to records and faults: quickly where all is sound, else record by record.

A record that comes out of here is known to be sound, so that nothing later can fail on it; what is not sound is a
`Fault` with its reason. Windows, frames and the rules of an entity are not known here.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

import msgspec

from inn8_pipeline.entities import Kind, Property, ReasonCode
from inn8_pipeline.transform.json import parsing
from inn8_pipeline.transform.json.field_names import FieldNames
from inn8_pipeline.transform.json.strict import read_key, read_record
from inn8_pipeline.transform.values import NUL_ESCAPE, FaultyValueError, Pairs, read_date

# Whatever matches is inside all bounds of `read_decimal`, and Arrow casts it exactly.
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,10})?")
_PLAIN_INTEGERS = range(-(10**18) + 1, 10**18)
MAX_REMEMBERED_DAYS = 20_000


@dataclass(frozen=True, slots=True)
class InvalidRecord:
    """A record that cannot be read. `position` is its place on the page; id and date are None where unreadable."""

    position: int
    code: ReasonCode
    reason: str
    payload: bytes = field(repr=False)
    external_id: str | None = field(repr=False)
    trade_date: date | None


@dataclass(frozen=True, slots=True)
class DecodedPage:
    """A page: `len(records) + len(faults)` are its records; `positions` are those of `records`, ascending."""

    records: list[Any] = field(repr=False)
    positions: Sequence[int]
    faults: list[InvalidRecord]


class DateCache:
    """Texts of dates already read: a page has few distinct ones, and each is read once."""

    def __init__(self) -> None:
        self._known: dict[str, date] = {}

    def __len__(self) -> int:
        """Return how many are remembered: never more than a bound."""
        return len(self._known)

    def __getitem__(self, text: str) -> date:
        """Return the day; FaultyValueError where the text is no date."""
        day = self._known.get(text)
        if day is None:
            if len(self._known) >= MAX_REMEMBERED_DAYS:
                self._known.clear()
            day = self._known[text] = read_date(text, "date")
        return day


class RecordReader:
    """Reads the records of one entity; remembers the spellings that it met. Not for several threads at a time."""

    def __init__(self, properties: tuple[Property, ...], days: DateCache) -> None:
        self.spelling = FieldNames(properties)
        self._days = days
        self._dates = _getters(properties, Kind.DATE)
        self._decimals = _getters(properties, Kind.DECIMAL)
        self._use_spelling()

    def read_quickly(self, body: bytes) -> list[Any] | None:
        """Return the records of a page on which the shape of all is sound; None where one is not.

        Text and ids are sound then; dates and decimals are still to be read, and can still turn out to be faulty.
        """
        if NUL_ESCAPE in body:
            return None
        try:
            return self._page_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def read_each(self, body: bytes) -> DecodedPage:
        """Read record by record. ValueError where the body is no JSON array, RecursionError where it is too deep."""
        return self.read_payloads(split(body))

    def read_payloads(self, payloads: Sequence[msgspec.Raw | bytes]) -> DecodedPage:
        """Read records that stand each by themselves, as a page of them would be read."""
        records: list[Any] = [self._read_plainly(payload) for payload in payloads]
        odd = [position for position, record in enumerate(records) if record is None]
        sound = [record for record in records if record is not None]
        faults: list[InvalidRecord] = []
        for position in odd:
            payload = bytes(payloads[position])
            found = self._read_plainly(payload) or self._read_exactly(payload, position, sound)
            if isinstance(found, InvalidRecord):
                faults.append(found)
            else:
                records[position] = found
                sound.append(found)
        positions = [position for position, record in enumerate(records) if record is not None]
        return DecodedPage([records[position] for position in positions], positions, faults)

    def _read_plainly(self, payload: msgspec.Raw | bytes) -> Any:  # noqa: ANN401
        """Return the record if the quick decoder takes it and all its values are plain; else None."""
        try:
            record = self._record_decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return record if self._is_plain(record) and NUL_ESCAPE not in bytes(payload) else None

    def _read_exactly(self, payload: bytes, position: int, peers: list[Any]) -> Any:  # noqa: ANN401
        """Return the record or its Fault, and learn its spelling first, so that its like are read quickly."""
        value = parsing.parse(payload)
        if isinstance(value, Pairs) and self.spelling.learn(value, lambda: peers):
            self._use_spelling()
        try:
            return read_record(value, self.spelling)
        except FaultyValueError as fault:
            return InvalidRecord(position, fault.code, fault.reason, payload, *read_key(value, self.spelling))

    def _is_plain(self, record: Any) -> bool:  # noqa: ANN401
        try:
            for get in self._dates:
                text = get(record)
                if text is not None:
                    self._days[text]
        except FaultyValueError:
            return False
        return all(_is_plain_decimal(get(record)) for get in self._decimals)

    def _use_spelling(self) -> None:
        # Numbers with a point or an exponent stay text; integers are ints, which are exact.
        record_type = self.spelling.record_type
        self._record_decoder = msgspec.json.Decoder(record_type, float_hook=str)
        self._page_decoder = msgspec.json.Decoder(list[record_type], float_hook=str)  # type: ignore[valid-type]


def split(body: bytes) -> Sequence[msgspec.Raw | bytes]:
    """Return the records of a page, byte for byte. ValueError where the body is no JSON array."""
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        # msgspec refuses half of a surrogate pair even where it only skips it.
        return list(parsing.split(body))


def _getters(properties: Iterable[Property], kind: Kind) -> list[Callable[[Any], Any]]:
    return [attrgetter(each.name) for each in properties if each.kind is kind]


def _is_plain_decimal(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return _PLAIN_DECIMAL.fullmatch(value) is not None
    return type(value) is int and value in _PLAIN_INTEGERS
