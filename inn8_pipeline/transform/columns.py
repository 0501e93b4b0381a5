"""Build Arrow columns from the properties of many records at once, and DataFrames from the columns, exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from inn8_pipeline.entities import MAX_DECIMAL_PLACES, Notation
from inn8_pipeline.transform.values import read_decimal

DECIMAL = pa.decimal128(38, MAX_DECIMAL_PLACES)

# The only decimals that Arrow may cast from text. Beyond 38 digits its cast silently overflows ("999…9" became -1), and
# a large negative exponent reads outside its tables and kills the process. Within these bounds it raises rather than
# lose a digit, and 28 significant digits cannot be exceeded, because 10 of them follow the point.
_PLAIN_DECIMAL = r"^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$"


class NotPlainError(ValueError):
    """A column contains a value that may be invalid, so its records must be read one by one."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records of valid types, with their ordinals. `are_checked`: each of their values is known to be valid too."""

    items: Sequence[Any] = field(repr=False)
    ordinals: Sequence[int]
    are_checked: bool

    def values(self, name: str) -> list[Any]:
        """Return the property of each record."""
        return list(map(attrgetter(name), self.items))

    def text(self, name: str) -> pa.Array:
        """Return a column of texts, unchanged."""
        return text_column(self.values(name))

    def decimal(self, name: str, notation: Notation | None = None) -> pa.Array:
        """Return a column of decimals, which are sent in the notation if they are text.

        Raises:
            NotPlainError: The records are not checked, and a value may be invalid.
            InvalidValueError: Likewise.

        """
        values = self.values(name)
        if notation is not None:
            values = [read_decimal(each, name, notation) if type(each) is str else each for each in values]
        return _decimal_column(values, are_checked=self.are_checked)

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
    """Return a DataFrame of Arrow-backed columns, without copying or converting them."""
    return pd.DataFrame({name: series(column) for name, column in columns.items()}, copy=False)


def series(column: pa.Array) -> Any:  # noqa: ANN401 (pandas has no types)
    """Return the column as an Arrow-backed array of pandas."""
    return pd.arrays.ArrowExtensionArray(column)


def _decimal_column(values: Sequence[object], *, are_checked: bool) -> pa.Array:
    """Return the ints and texts as decimals. Raise NotPlainError where a value may be invalid."""
    try:
        texts = pa.array([str(value) if type(value) is int else value for value in values], pa.string())
        if not are_checked and pc.all(pc.match_substring_regex(texts, _PLAIN_DECIMAL)).as_py() is False:
            raise NotPlainError
        return texts.cast(DECIMAL)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise NotPlainError from None
