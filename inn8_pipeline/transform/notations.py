"""Read dates and decimals in the notations that a contract may name. The built-in notations are in `values`."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

from inn8_pipeline.entities import COMMA, DOTNET, EPOCH_MILLISECONDS_PER_UNIT, INSTANT, POINT, Notation

FIRST_EPOCH_MILLISECONDS = 100_000_000_000
"""March 1973. A smaller number was sent in another unit, or means that no date was set."""

_PARTS = {"dd": "(?P<day>[0-9]{2})", "MM": "(?P<month>[0-9]{2})", "yyyy": "(?P<year>[0-9]{4})"}
_EPOCH = re.compile(r"(-?[0-9]{1,17})(?:\.[0-9]*)?")
_DOTNET = re.compile(r"\\?/Date\((-?[0-9]{1,17})(?:[+-][0-9]{4})?\)\\?/")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GROUPS = (
    r"([+-]?)([0-9]{{1,3}}(?:([{group} \u00a0\u202f'\u2019])[0-9]{{3}}(?:\3[0-9]{{3}})*)?|[0-9]+)"
    r"(?:{point}([0-9]*))?"
)
_NUMBERS = {
    notation: re.compile(_GROUPS.format(group=group, point=re.escape(point)))
    for notation, group, point in ((COMMA, ".", ","), (POINT, ",", "."))
}


def day_of(value: object, notation: Notation, empty_dates: frozenset[date]) -> date | None:
    """Return the day that a value means; None if it is not in this notation.

    An empty date that is sent as an instant is returned as written, whatever the time zone is.

    Raises:
        ValueError, OverflowError: The value is in the notation, but names no day of the calendar.

    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return _reader(notation, empty_dates)(text)


def plain_decimal(text: str, notation: Notation) -> str | None:
    """Return the number with a point and without thousands separators; None if the text is not in this notation."""
    found = _NUMBERS[notation.name].fullmatch(text)
    if found is None:
        return None
    sign, whole, separator, fraction = found.groups()
    return f"{sign}{whole.replace(separator, '') if separator else whole}.{fraction or '0'}"


@cache
def _reader(notation: Notation, empty_dates: frozenset[date]) -> Callable[[str], date | None]:
    zone = ZoneInfo(notation.time_zone)
    if notation.name == INSTANT:
        return partial(_day_of_instant, zone, empty_dates)
    if notation.name in EPOCH_MILLISECONDS_PER_UNIT:
        return partial(_day_of_epoch, zone, _EPOCH, EPOCH_MILLISECONDS_PER_UNIT[notation.name])
    if notation.name == DOTNET:
        return partial(_day_of_epoch, zone, _DOTNET, 1)
    pattern = re.escape(notation.name)
    for part, group in _PARTS.items():
        pattern = pattern.replace(part, group)
    return partial(_day_as_written, re.compile(pattern))


def _day_as_written(pattern: re.Pattern[str], text: str) -> date | None:
    found = pattern.fullmatch(text)
    return found and date(int(found["year"]), int(found["month"]), int(found["day"]))


def _day_of_epoch(zone: ZoneInfo, pattern: re.Pattern[str], unit: int, text: str) -> date | None:
    found = pattern.fullmatch(text)
    if found is None:
        return None
    milliseconds = int(found[1]) * unit
    if milliseconds < FIRST_EPOCH_MILLISECONDS:
        raise ValueError
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)).astimezone(zone).date()


def _day_of_instant(zone: ZoneInfo, empty_dates: frozenset[date], text: str) -> date | None:
    if not _DAY.match(text):
        return None
    written = date.fromisoformat(text[:10])
    if written in empty_dates or _DAY.fullmatch(text):
        return written
    instant = datetime.fromisoformat(text)
    return instant.astimezone(zone).date() if instant.tzinfo else None
