"""Types of options that are a day, an instant or a period."""

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


class Instant(click.ParamType[datetime]):
    """An instant with its offset from UTC, or a calendar day, which means its end in UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Return the instant in UTC, or fail with click's own message."""
        if isinstance(value, datetime):
            return value
        try:
            if len(value) == len("2026-03-31"):
                return datetime.combine(date.fromisoformat(value), time(tzinfo=UTC)) + timedelta(days=1)
            instant = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            instant = None
        if instant is None or instant.tzinfo is None:
            self.fail(
                f"{value!r} is not an instant. Write it as 2026-03-31T17:00+02:00, or 2026-03-31 for the end of that"
                " day in UTC.",
                param,
                ctx,
            )
        return instant.astimezone(UTC)


INSTANT = Instant()


class LocalTime(click.ParamType[datetime]):
    """A time in the zone of the terminal: `18:00` (the next one) or `2026-03-31 18:00`; or one with an offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Return the instant in UTC, or fail with click's own message."""
        if isinstance(value, datetime):
            return value
        try:
            if len(value) == len("18:00"):
                at = time.fromisoformat(value)
                today = datetime.combine(now().astimezone().date(), at).astimezone()
                return (today if today > now() else _tomorrow(at)).astimezone(UTC)
            if ":" in value:
                return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        return self.fail(f"{value!r} is not a time. Write it as 18:00 or '2026-03-31 18:00'.", param, ctx)


def _tomorrow(at: time) -> datetime:
    return datetime.combine(now().astimezone().date() + timedelta(days=1), at).astimezone()


LOCAL_TIME = LocalTime()


class Since(click.ParamType[datetime]):
    """A calendar day, which means its start in UTC, or a time in the zone of the terminal such as `yesterday 18:00`."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Return the instant in UTC, or fail with click's own message."""
        if isinstance(value, datetime):
            return value
        today = now().astimezone().date()
        named = {"today": today, "yesterday": today - timedelta(days=1)}
        day, _, at = value.partition(" ")
        try:
            if ":" in value:
                return datetime.fromisoformat(f"{named.get(day, day)} {at}".strip()).astimezone(UTC)
            return datetime.combine(date.fromisoformat(value), time(tzinfo=UTC))
        except (ValueError, OverflowError):
            pass
        return self.fail(f"{value!r} is not a time. Write it as 2026-03-31 or 'yesterday 18:00'.", param, ctx)


SINCE = Since()


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
