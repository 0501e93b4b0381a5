"""Columns of records as Arrow arrays, and frames of such columns. Exact or not at all.

Nothing here knows an entity; nothing decides about a single record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from inn8_pipeline.entities import MAX_DECIMAL_PLACES

DECIMAL = pa.decimal128(38, MAX_DECIMAL_PLACES)

# What Arrow may be given. Its cast from text refuses to lose digits only within these bounds: past 38 digits it wraps
# around in silence ("999…9" became -1), and a large negative exponent reads outside its tables and kills the process.
# Inside them, 28 significant digits cannot be exceeded, as there are 10 places.
_PLAIN_DECIMAL = r"^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$"


class NotPlainError(ValueError):
    """A column holds something that must be looked at record by record."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records of sound shape with their ordinals, side by side; `are_checked`: each of their values is sound too."""

    items: Sequence[Any] = field(repr=False)
    ordinals: Sequence[int]
    are_checked: bool

    def values(self, name: str) -> list[Any]:
        """Return the property of each record."""
        return list(map(attrgetter(name), self.items))

    def text(self, name: str) -> pa.Array:
        """Return a column of texts, unchanged."""
        return text_column(self.values(name))

    def decimal(self, name: str) -> pa.Array:
        """Return a column of decimals; NotPlainError where the records are not checked and one is not plainly sound."""
        return _decimal_column(self.values(name), are_checked=self.are_checked)

    def ordinal(self) -> pa.Array:
        """Return the column of the ordinals."""
        return pa.array(self.ordinals, pa.int64())


def text_column(values: Iterable[str | None]) -> pa.Array:
    """Return a column of texts, unchanged."""
    return pa.array(values, pa.string())


def date_column(values: Iterable[date | None]) -> pa.Array:
    """Return a column of days."""
    return pa.array(values, pa.date32())


def frame(columns: Mapping[str, pa.Array]) -> pd.DataFrame:
    """Return a frame of Arrow-backed columns; nothing is copied or converted."""
    return pd.DataFrame({name: series(column) for name, column in columns.items()}, copy=False)


def series(column: pa.Array) -> Any:  # noqa: ANN401 (an array of pandas', which comes without types)
    """Return the column as pandas takes it, Arrow-backed."""
    return pd.arrays.ArrowExtensionArray(column)


def _decimal_column(values: Sequence[object], *, are_checked: bool) -> pa.Array:
    """Cast numbers given as ints or as texts; NotPlainError where one of them is not surely sound."""
    try:
        texts = pa.array([str(value) if type(value) is int else value for value in values], pa.string())
        if not are_checked and pc.all(pc.match_substring_regex(texts, _PLAIN_DECIMAL)).as_py() is False:
            raise NotPlainError
        return texts.cast(DECIMAL)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise NotPlainError from None
