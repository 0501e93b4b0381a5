"""Rows from sound records: the columns that an entity declares, vectorised, in their order."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from inn8_pipeline.entities import DAY_PROPERTY, ID_PROPERTY, Column, Dimension, DimensionReference, Entity, Kind
from inn8_pipeline.transform.batch import EntityRows
from inn8_pipeline.transform.columns import Records, date_column, frame, text_column
from inn8_pipeline.transform.json.reading import DateCache
from inn8_pipeline.transform.rules.enums import choose
from inn8_pipeline.transform.rules.formats import formatted

# Decimals and dates of unchecked records can still turn out to be invalid: they are read first, so that a page that
# must be read again has cost little.
_READ_FIRST = (Kind.DECIMAL, Kind.DATE)


def make_rows(entity: Entity, records: Records, dates: DateCache) -> EntityRows:
    """Return a row for each record: ordinal, external_id, then the declared columns, parents as external ids.

    Raises:
        InvalidValueError, NotPlainError: The records were not checked, and a value of one is not plainly sound.

    """
    unknown_values: dict[str, Counter[str]] = {}
    made: dict[str, pa.Array | pa.ChunkedArray] = {}
    for column in sorted(entity.columns, key=lambda each: each.source.kind not in _READ_FIRST):
        if isinstance(column, Column):
            made[column.name] = _column(column, records, dates, unknown_values)
        elif isinstance(column, DimensionReference):
            objects = records.values(column.source.name)
            made[column.staged] = text_column([None if each is None else each.id for each in objects])
        else:
            made[column.staged] = records.text(column.source.name)
    names = [column.name if isinstance(column, Column) else column.staged for column in entity.columns]
    rows = frame({"ordinal": records.ordinal(), "external_id": records.text(ID_PROPERTY)} | {n: made[n] for n in names})
    return EntityRows(rows, unknown_values, _dimensions(entity, records, dates))


def _column(
    column: Column, records: Records, dates: DateCache, unknown_values: dict[str, Counter[str]]
) -> pa.Array | pa.ChunkedArray:
    source = column.source
    match source.kind:
        case Kind.DECIMAL:
            return records.decimal(source.name)
        case Kind.DATE:
            return date_column(read_days(records, source.name, dates))
        case Kind.CHOICE:
            chosen, unknown_values[source.name] = choose(records.values(source.name), source.choices, source.folding)
            return chosen
        case Kind.ID | Kind.TEXT | Kind.OBJECT:
            return formatted(column.format, source, records.values(source.name))


def read_days(records: Records, name: str, dates: DateCache) -> list[Any]:
    """Return the day of each record, None where it has none."""
    return [None if text is None else dates[text] for text in records.values(name)]


def _dimensions(entity: Entity, records: Records, dates: DateCache) -> dict[str, pd.DataFrame]:
    """Return the rows of each dimension: of each object the version of the newest day, then of the highest ordinal."""
    if not entity.dimension_references:
        return {}
    days = read_days(records, DAY_PROPERTY, dates)
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
