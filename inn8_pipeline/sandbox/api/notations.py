"""Write dates and decimals in other notations than those of the simulated world."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo


def in_notation(value: object, name: str, time_zone: str) -> object:
    """Return a date (`YYYY-MM-DD`) or a decimal in the notation of this name; another value as it is."""
    if isinstance(value, Decimal):
        return _decimal(f"{value:,f}", name)
    if not isinstance(value, str):
        return value
    try:
        return _date(date.fromisoformat(value), name, time_zone)
    except ValueError:  # an invalid record
        return value


def _decimal(text: str, name: str) -> str:
    return text.translate(str.maketrans(",.", ".,")) if name == "1.234,56" else text


def _date(day: date, name: str, time_zone: str) -> object:
    instant = datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)
    seconds = int(instant.timestamp())
    match name:
        case "instant":
            return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
        case "epoch_seconds":
            return seconds
        case "epoch_milliseconds":
            return seconds * 1000
        case "/Date(ms)/":
            return f"/Date({seconds * 1000})/"
        case _:
            return name.replace("yyyy", f"{day:%Y}").replace("MM", f"{day:%m}").replace("dd", f"{day:%d}")
