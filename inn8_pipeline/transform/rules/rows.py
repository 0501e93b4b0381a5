"""Make rows of valid records: the columns that an entity declares, in their order."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from inn8_pipeline.entities import (
    DAY_PROPERTY,
    ID_PROPERTY,
    Column,
    Dimension,
    DimensionReference,
    Entity,
    Kind,
    Property,
)
from inn8_pipeline.transform.batch import EntityRows, UnlistedValues
from inn8_pipeline.transform.columns import Records, date_column, frame, text_column
from inn8_pipeline.transform.json.reading import DateCache
from inn8_pipeline.transform.rules.enums import choose
from inn8_pipeline.transform.rules.formats import formatted
from inn8_pipeline.transform.values import empty_date, require_date

# Decimals and dates of unchecked records may still be invalid. They are read first, so that little work is wasted on a
# page that must then be read record by record.
_READ_FIRST = (Kind.DECIMAL, Kind.DATE)


def make_rows(entity: Entity, records: Records, dates: DateCache) -> EntityRows:
    """Return a row for each record: ordinal, external_id, then the declared columns, parents as external ids.

    Raises:
        InvalidValueError, NotPlainError: The records were not checked, and a value may be invalid.

    """
    unknown_values: dict[str, UnlistedValues] = {}
    with_unlisted: set[int] = set()
    made: dict[str, pa.Array | pa.ChunkedArray] = {}
    for column in sorted(entity.columns, key=lambda each: each.source.kind not in _READ_FIRST):
        if isinstance(column, Column):
            made[column.name], unlisted = _column(column, records, dates)
            if unlisted is not None:
                unknown_values[column.source.name] = _count(unlisted, records, entity)
                with_unlisted.update(
                    ordinal for ordinal, value in zip(records.ordinals, unlisted, strict=False) if value is not None
                )
        elif isinstance(column, DimensionReference):
            objects = records.values(column.source.name)
            made[column.staged] = text_column([None if each is None else each.id for each in objects])
        else:
            made[column.staged] = records.text(column.source.name)
    names = [column.name if isinstance(column, Column) else column.staged for column in entity.columns]
    rows = frame({"ordinal": records.ordinal(), "external_id": records.text(ID_PROPERTY)} | {n: made[n] for n in names})
    return EntityRows(rows, unknown_values, frozenset(with_unlisted), _dimensions(entity, records, dates))


def _column(
    column: Column, records: Records, dates: DateCache
) -> tuple[pa.Array | pa.ChunkedArray, list[str | None] | None]:
    """Return the column, and for each record its unlisted value or empty date, or None if it has neither."""
    source = column.source
    if source.kind is Kind.DECIMAL:
        return records.decimal(source.name, source.notation), None
    if source.kind is Kind.DATE and source.is_required:
        return date_column(required_days(records, source, dates)), None
    values = records.values(source.name)
    match source.kind:
        case Kind.DATE:
            known = dates.of(source)
            days = [None if text is None else known[text] for text in values]
            return date_column(days), _empty_dates(values, days, source)
        case Kind.CHOICE:
            chosen, names = choose(values, source)
            return chosen, [names.get(value) for value in values] if names else []
        case _:
            return formatted(column.format, source, values), None


def day_property(entity: Entity) -> Property:
    """Return the property with the day of trade."""
    return next(each for each in entity.properties if each.name == DAY_PROPERTY)


def required_days(records: Records, source: Property, dates: DateCache) -> list[date]:
    """Return the day of each record. Raise InvalidValueError if one is an empty date."""
    known = dates.of(source)
    return [require_date(known[text], source.name) for text in records.values(source.name)]


def _empty_dates(texts: Sequence[str | None], days: Sequence[date | None], source: Property) -> list[str | None] | None:
    """Return for each record its empty date, or None; None if no record has one."""
    if days.count(None) == texts.count(None):
        return None
    return [
        empty_date(text, source.notation) if text and day is None else None
        for text, day in zip(texts, days, strict=True)
    ]


def _count(values: Sequence[str | None], records: Records, entity: Entity) -> UnlistedValues:
    """Return the counts and the subjects of the values; None stands for a record without one."""
    found = UnlistedValues()
    if not values:
        return found
    subjects: dict[str, set[str]] = {}
    of_record = records.values(entity.references[0].source.name if entity.references else ID_PROPERTY)
    for value, subject in zip(values, of_record, strict=True):
        if value is not None:
            subjects.setdefault(value, set()).add(subject)
    for value, count in Counter(value for value in values if value is not None).items():
        found.add(value, count, subjects[value])
    return found


def _dimensions(entity: Entity, records: Records, dates: DateCache) -> dict[str, pd.DataFrame]:
    """Return the rows of each dimension.

    An object that several records contain has the attributes that the record of the newest day, and within that day of
    the highest ordinal, gives it.
    """
    if not entity.dimension_references:
        return {}
    days = required_days(records, day_property(entity), dates)
    return {
        each.parent.name: _newest(each.parent, records.values(each.source.name), days, records.ordinals)
        for each in entity.dimension_references
    }


def _newest(
    dimension: Dimension, objects: Sequence[Any], days: Sequence[date], ordinals: Sequence[int]
) -> pd.DataFrame:
    newest: dict[str, tuple[date, int, Any]] = {}
    for found, day, ordinal in zip(objects, days, ordinals, strict=True):
        if found is None:
            continue
        best = newest.get(found.id)
        if best is None or (day, ordinal) >= best[:2]:
            newest[found.id] = (day, ordinal, found)
    chosen = Records([each[2] for each in newest.values()], [each[1] for each in newest.values()], are_checked=True)
    return frame(
        {
            "external_id": chosen.text(ID_PROPERTY),
            **{column.name: chosen.text(column.source.name) for column in dimension.columns},
            "trade_date": date_column([each[0] for each in newest.values()]),
            "ordinal": chosen.ordinal(),
        }
    )
