"""Find the notation in which dates and decimals are sent, if only one explains all values of a property."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from inn8_pipeline.entities import (
    DATE_NOTATIONS,
    DECIMAL_NOTATIONS,
    INSTANT,
    NOTATIONS_OF_INSTANTS,
    Kind,
    Notation,
    Property,
)
from inn8_pipeline.transform.notations import day_of, plain_decimal
from inn8_pipeline.transform.values import EMPTY_DATES, InvalidValueError, Number, read_date, read_decimal

TIME_ZONES = ("UTC", "Africa/Johannesburg")
"""Time zones in which an instant may be the midnight of its day."""


def is_built_in(source: Property, values: Iterable[object]) -> bool:
    """Return whether the built-in notation explains every value, and gives the day that is meant."""
    return all(_is_built_in(source, each) for each in values)


def notations_of(source: Property, values: Sequence[object]) -> list[Notation]:
    """Return the notations that explain every value of a date or a decimal."""
    if source.kind is Kind.DECIMAL:
        texts = [each for each in values if isinstance(each, str) and not isinstance(each, Number)]
        known = [Notation(name) for name in DECIMAL_NOTATIONS]
        return [each for each in known if all(plain_decimal(text, each) is not None for text in texts)]
    zones = {name: TIME_ZONES if name in NOTATIONS_OF_INSTANTS else ("UTC",) for name in DATE_NOTATIONS}
    known = [Notation(name, zone) for name in DATE_NOTATIONS for zone in zones[name]]
    found = [each for each in known if all(_explains(each, value) for value in values)]
    return [each for each in found if each.name != INSTANT or all(_is_midnight(each, value) for value in values)]


def _is_built_in(source: Property, value: object) -> bool:
    try:
        if source.kind is Kind.DECIMAL:
            read_decimal(value, source.name)
        else:
            read_date(value, source.name)
    except InvalidValueError:
        return False
    # The day of an instant is the day as written only at midnight in the time zone that is written.
    return source.kind is Kind.DECIMAL or not _has_other_time(value)


def _has_other_time(value: object) -> bool:
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return instant.tzinfo is not None and bool(instant.hour or instant.minute)


def _explains(notation: Notation, value: object) -> bool:
    try:
        return day_of(value, notation, EMPTY_DATES) is not None
    except (ValueError, OverflowError):
        return False


def _is_midnight(notation: Notation, value: object) -> bool:
    """Return whether an instant is the start of its day in the time zone of the notation."""
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        return False
    local = instant.astimezone(ZoneInfo(notation.time_zone)) if instant.tzinfo else instant
    return not (local.hour or local.minute)
