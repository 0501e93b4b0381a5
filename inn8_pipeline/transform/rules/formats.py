"""Format text columns: phone numbers and addresses."""

from collections.abc import Callable, Sequence
from typing import Any, assert_never

import pandas as pd
import pyarrow as pa

from inn8_pipeline.entities import Format, Property
from inn8_pipeline.transform.columns import frame, series, text_column

_PHONE_DIGITS = 10


def formatted(form: Format, source: Property, values: Sequence[Any]) -> pa.Array | pa.ChunkedArray:
    """Return the column of the values in this form."""
    match form:
        case Format.AS_SENT:
            return text_column(values)
        case Format.PHONE:
            return _arrow(format_phone(pd.Series(series(text_column(values)), copy=False)))
        case Format.ADDRESS:
            return _arrow(format_address(_parts(source, values)))
        case _:
            assert_never(form)


def format_phone(phone: pd.Series) -> pd.Series:
    """Return `(XXX) XXX-XXXX` for a text with exactly ten digits (0 to 9), else the text as sent; '' for blank."""
    digits = phone.str.replace(r"[^0-9]", "", regex=True)
    formatted_phone = "(" + digits.str.slice(0, 3) + ") " + digits.str.slice(3, 6) + "-" + digits.str.slice(6)
    kept = phone.where(phone.str.strip() != "", "")
    return kept.where(digits.str.len() != _PHONE_DIGITS, formatted_phone).fillna("")


def format_address(parts: pd.DataFrame) -> pd.Series:
    """Return `{street}, {city}, {state} {zipCode}`; a missing or blank part leaves no stray comma or space."""
    parts = parts.apply(lambda part: part.str.strip().fillna(""))
    region = _join(parts["state"], parts["zipCode"], " ")
    return _join(_join(parts["street"], parts["city"], ", "), region, ", ")


def _arrow(column: pd.Series) -> pa.ChunkedArray:
    return column.array.__arrow_array__()


def _join(left: pd.Series, right: pd.Series, between: str) -> pd.Series:
    both = (left != "") & (right != "")
    return (left + right).where(~both, left + between + right)


def _parts(source: Property, objects: Sequence[Any]) -> pd.DataFrame:
    names = [each.name for each in source.properties]
    get: Callable[[Any, str], Any] = getattr
    return frame({name: text_column([None if each is None else get(each, name) for each in objects]) for name in names})
