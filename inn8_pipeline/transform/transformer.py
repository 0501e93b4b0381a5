"""The transform of one entity in one sync: pages in, batches out.

Joins `decode` with the entity's rules and sorts out what lies outside the days that are asked for. No rule of a value
stands here, and nothing is read or written.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from inn8_pipeline.entities import DAY_PROPERTY, Entity, Reject
from inn8_pipeline.errors import ContractError
from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.columns import NotPlainError, Records
from inn8_pipeline.transform.json.reading import DateCache, DecodedPage, InvalidRecord, RecordReader
from inn8_pipeline.transform.rules.rows import make_rows, read_days
from inn8_pipeline.transform.values import InvalidValueError


class Transformer:
    """Turns the pages of one entity into batches; remembers from page to page how INN8 spells its properties.

    `is_inside` says whether a trade date is asked for (transactions; the others have no dates). One Transformer serves
    one sync, page after page, and not several threads at a time. Memory is that of one page.
    """

    def __init__(self, entity: Entity, is_inside: Callable[[date], bool] | None = None) -> None:
        self._entity = entity
        self._is_inside = is_inside if entity.has_days else None
        self._properties = entity.properties
        self._days = DateCache()
        self._reader = RecordReader(self._properties, self._days)

    def page(self, body: bytes, first_ordinal: int) -> Batch:
        """Return what becomes of a page, a JSON array; its records are numbered from `first_ordinal` on.

        ContractError where the body is no JSON array, or is nested too deeply to be read.
        """
        try:
            return self._quickly(body, first_ordinal) or self._one_by_one(body, first_ordinal)
        except RecursionError:
            raise self._refusal(first_ordinal, "is nested too deeply to be read") from None

    def records(self, payloads: Sequence[bytes], ordinals: Sequence[int]) -> Batch:
        """Return what becomes of records that stand each by themselves: open rejects, tried again.

        None of them is outside; what they teach of spellings and unknown properties is not held against the pages.
        """
        reader = RecordReader(self._properties, self._days)
        try:
            decoded = reader.read_payloads(payloads)
        except (ValueError, RecursionError):
            raise self._refusal(min(ordinals), "cannot be read as JSON any more") from None
        return self._batch(decoded, ordinals, reader, are_checked=True)

    def _quickly(self, body: bytes, first_ordinal: int) -> Batch | None:
        items = self._reader.read_fast(body)
        if items is None:
            return None
        ordinals = range(first_ordinal, first_ordinal + len(items))
        decoded = DecodedPage(items, range(len(items)), [])
        try:
            return self._batch(decoded, ordinals, self._reader, self._is_inside, are_checked=False)
        except (NotPlainError, InvalidValueError):
            return None

    def _one_by_one(self, body: bytes, first_ordinal: int) -> Batch:
        try:
            decoded = self._reader.read_each(body)
        except ValueError:
            raise self._refusal(first_ordinal, "is not a JSON array in UTF-8") from None
        count = len(decoded.records) + len(decoded.invalid)
        ordinals = range(first_ordinal, first_ordinal + count)
        return self._batch(decoded, ordinals, self._reader, self._is_inside, are_checked=True)

    def _batch(
        self,
        decoded: DecodedPage,
        ordinals: Sequence[int],
        reader: RecordReader,
        is_inside: Callable[[date], bool] | None = None,
        *,
        are_checked: bool,
    ) -> Batch:
        records = Records(decoded.records, _pick(ordinals, decoded.positions), are_checked)
        faults = decoded.invalid
        if is_inside is not None:
            records = _inside(records, self._days, is_inside)
            faults = [each for each in faults if each.trade_date is None or is_inside(each.trade_date)]
        made = make_rows(self._entity, records, self._days)
        return Batch(
            rows=made.rows,
            rejects=tuple(_reject(fault, ordinals[fault.position]) for fault in faults),
            skipped=len(decoded.records) + len(decoded.invalid) - len(records.items) - len(faults),
            dimensions=made.dimensions,
            unknown_values=made.unknown_values,
            unknown_properties=frozenset(reader.names.unknown()),
        )

    def _refusal(self, first_ordinal: int, finding: str) -> ContractError:
        return ContractError(f"The page of {self._entity} from record {first_ordinal} on", finding)


def _inside(records: Records, days: DateCache, is_inside: Callable[[date], bool]) -> Records:
    trade_dates = read_days(records, DAY_PROPERTY, days)
    wanted = {day for day in set(trade_dates) if is_inside(day)}
    kept = [index for index, day in enumerate(trade_dates) if day in wanted]
    if len(kept) == len(trade_dates):
        return records
    return Records(_pick(records.items, kept), _pick(records.ordinals, kept), records.are_checked)


def _pick(values: Sequence[Any], positions: Sequence[int]) -> Sequence[Any]:
    """Return the values at these positions, which ascend; the values themselves if it is all of them."""
    if len(positions) == len(values):
        return values
    return [values[position] for position in positions]


def _reject(fault: InvalidRecord, ordinal: int) -> Reject:
    return Reject(ordinal, fault.code, fault.reason, fault.payload, fault.external_id, fault.trade_date)
