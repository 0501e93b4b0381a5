"""The transform of one entity in one sync: pages in, batches out.

It reads a page fast if every record is valid, and record by record otherwise, applies the rules of the entity, and
skips records outside the wanted days.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from inn8_pipeline.entities import Entity, Property, Reject
from inn8_pipeline.errors import ContractError
from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.columns import NotPlainError, Records
from inn8_pipeline.transform.json.reading import DateCache, DecodedPage, InvalidRecord, RecordReader
from inn8_pipeline.transform.rules.rows import day_property, make_rows, required_days
from inn8_pipeline.transform.values import InvalidValueError


class Transformer:
    """Turn the pages of one entity into batches; learn from page to page how INN8 spells its properties.

    One Transformer serves one sync, page after page, and one thread at a time. It needs the memory of one page.

    Args:
        entity: The entity whose records the pages hold.
        is_inside: Whether a day of trade is wanted. Ignored for entities without days.
    """

    def __init__(self, entity: Entity, is_inside: Callable[[date], bool] | None = None) -> None:
        self._entity = entity
        self._is_inside = is_inside if entity.has_days else None
        self._properties = entity.properties
        self._days = DateCache()
        self._reader = RecordReader(self._properties, self._days)

    def page(self, body: bytes, first_ordinal: int, ordinals: Sequence[int] | None = None) -> Batch:
        """Return the result of transforming one page, a JSON array.

        Its records are numbered from `first_ordinal` on, unless `ordinals` are given: those of some records of a page.

        Raises:
            ContractError: The body is not a JSON array.

        """
        return self._quickly(body, first_ordinal, ordinals) or self._one_by_one(body, first_ordinal, ordinals)

    def records(self, payloads: Sequence[bytes], ordinals: Sequence[int]) -> Batch:
        """Transform open rejects that are retried.

        None is skipped, and they do not contribute to the spellings and unknown properties of the landing.

        Raises:
            ContractError: A payload can no longer be read as JSON.
        """
        reader = RecordReader(self._properties, self._days)
        try:
            decoded = reader.read_payloads(payloads)
        except ValueError:
            raise self._refusal(min(ordinals), "can no longer be read as JSON") from None
        return self._batch(decoded, ordinals, reader, are_checked=True)

    def _quickly(self, body: bytes, first_ordinal: int, ordinals: Sequence[int] | None) -> Batch | None:
        items = self._reader.read_fast(body)
        if items is None:
            return None
        ordinals = ordinals or range(first_ordinal, first_ordinal + len(items))
        decoded = DecodedPage(items, range(len(items)), [])
        try:
            return self._batch(decoded, ordinals, self._reader, self._is_inside, are_checked=False)
        except (NotPlainError, InvalidValueError):
            return None

    def _one_by_one(self, body: bytes, first_ordinal: int, ordinals: Sequence[int] | None) -> Batch:
        try:
            decoded = self._reader.read_each(body)
        except ValueError:
            raise self._refusal(first_ordinal, "is not a JSON array in UTF-8") from None
        count = len(decoded.records) + len(decoded.invalid)
        ordinals = ordinals or range(first_ordinal, first_ordinal + count)
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
            records = _inside(records, day_property(self._entity), self._days, is_inside)
            faults = [each for each in faults if each.trade_date is None or is_inside(each.trade_date)]
        made = make_rows(self._entity, records, self._days)
        return Batch(
            rows=made.rows,
            rejects=tuple(_reject(fault, ordinals[fault.position]) for fault in faults),
            skipped=len(decoded.records) + len(decoded.invalid) - len(records.items) - len(faults),
            dimensions=made.dimensions,
            unknown_values=made.unknown_values,
            unlisted=made.unlisted,
            unknown_properties=frozenset(reader.names.unknown()),
        )

    def _refusal(self, first_ordinal: int, finding: str) -> ContractError:
        return ContractError(f"The page of {self._entity} from record {first_ordinal} on", finding)


def _inside(records: Records, source: Property, days: DateCache, is_inside: Callable[[date], bool]) -> Records:
    trade_dates = required_days(records, source, days)
    wanted = {day for day in set(trade_dates) if is_inside(day)}
    kept = [index for index, day in enumerate(trade_dates) if day in wanted]
    if len(kept) == len(trade_dates):
        return records
    return Records(_pick(records.items, kept), _pick(records.ordinals, kept), records.are_checked)


def _pick(values: Sequence[Any], positions: Sequence[int]) -> Sequence[Any]:
    """Return the values at these ascending positions; the sequence itself if that is all of them."""
    if len(positions) == len(values):
        return values
    return [values[position] for position in positions]


def _reject(fault: InvalidRecord, ordinal: int) -> Reject:
    return Reject(ordinal, fault.code, fault.reason, fault.payload, fault.external_id, fault.trade_date)
