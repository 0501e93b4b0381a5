"""Types of options that are a day, an instant or a period."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

from inn8_pipeline.settings import now


class Day(click.ParamType[date]):
    """A calendar day as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401
        """Return the day, or fail with click's own message."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day. Write it as 2026-03-31.", param, ctx)


DAY = Day()


_ROOM = timedelta(days=8)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC) + _ROOM, datetime.max.replace(tzinfo=UTC) - _ROOM
"""The bounds of an instant: its time in another zone, or a week later, is within the calendar too."""


class Moment(click.ParamType[datetime]):
    """An instant, as `wanted` describes it and `parse` reads it.

    Args:
        name: The name of the type in the help.
        wanted: What is wanted and how to write it, for the message of a text that is none.
        parse: Returns the instant with its time zone, or raises a ValueError or an OverflowError.

    """

    def __init__(self, name: str, wanted: str, parse: Callable[[str], datetime]) -> None:
        self.name = name
        self._wanted = wanted
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Return the instant in UTC, or fail with click's own message."""
        if isinstance(value, datetime):
            return value
        try:
            instant = self._parse(value).astimezone(UTC)
        except (ValueError, OverflowError):
            instant = None
        if instant is None or not _FIRST <= instant <= _LAST:
            self.fail(f"{value!r} is not {self._wanted}", param, ctx)
        return instant


def _with_offset(text: str) -> datetime:
    """Return the instant of a time with its offset from UTC, or the end of a day in UTC."""
    if len(text) == len("2026-03-31"):
        return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC)) + timedelta(days=1)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def _local(text: str) -> datetime:
    """Return the instant of a day and a time in the zone of the terminal, unless the text has an offset from UTC.

    The day may be `yesterday`, `today` or `tomorrow`.
    """
    today = now().astimezone().date()
    named = {name: today + timedelta(days=days) for name, days in _NAMED_DAYS.items()}
    day, _, at = text.partition(" ")
    if ":" not in text:
        raise ValueError(text)
    return datetime.fromisoformat(f"{named.get(day, day)} {at}".strip()).astimezone()


def _next(text: str) -> datetime:
    """Return the next instant that is this time of a day, such as `18:00`; otherwise as `_local`."""
    if len(text) != len("18:00"):
        return _local(text)
    time.fromisoformat(text)
    today = _local(f"today {text}")
    return today if today > now() else _local(f"tomorrow {text}")


def _since(text: str) -> datetime:
    """Return the start of a calendar day in UTC; otherwise as `_local`."""
    return _local(text) if ":" in text else datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))


_NAMED_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
INSTANT = Moment(
    "instant",
    "an instant. Write it as 2026-03-31T17:00+02:00, or 2026-03-31 for the end of that day in UTC.",
    _with_offset,
)
LOCAL_TIME = Moment("time", "a time. Write it as 18:00 or '2026-03-31 18:00'.", _next)
SINCE = Moment("since", "a time. Write it as 2026-03-31 or 'yesterday 18:00'.", _since)


def last_night() -> tuple[datetime, datetime]:
    """Return yesterday 18:00 and today 08:00, or now if that is earlier, in the zone of the terminal."""
    today = now().astimezone().date()
    evening = datetime.combine(today - timedelta(days=1), time(18)).astimezone(UTC)
    return evening, min(now(), datetime.combine(today, time(8)).astimezone(UTC))


class Period(click.ParamType[timedelta]):
    """A period such as 30m, 2h or 1d, of at most a week."""

    name = "period"
    longest = timedelta(days=7)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401
        """Return the period, or fail with click's own message."""
        if isinstance(value, timedelta):
            return value
        units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
        number, unit = value[:-1], units.get(value[-1:])
        is_number = number.isascii() and number.isdecimal() and len(number) <= len("10080")
        period = int(number) * unit if unit is not None and is_number else timedelta()
        if not timedelta() < period <= self.longest:
            self.fail(f"{value!r} is not a period of up to 7 days. Write it as 30m, 2h or 1d.", param, ctx)
        return period


PERIOD = Period()
