"""Read the public holidays: days in the setting, or a calendar file (iCalendar)."""

import re
from datetime import date
from pathlib import Path

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings.environment import Environment

_NAME = "INN8_HOLIDAYS"
_EXAMPLE = "2026-12-16,2026-12-25"
_START = re.compile(r"^DTSTART(?:;[^:\r\n]*)?:(\d{8})", re.MULTILINE)


def read_holidays(environment: Environment) -> frozenset[date]:
    """Return the days on which few transactions are no reason to warn; none if the setting is empty."""
    text = environment.read(_NAME, _EXAMPLE, default="")
    if not text:
        return frozenset()
    try:
        return frozenset(map(date.fromisoformat, _days_of(text)))
    except ValueError:
        raise SettingsError(_NAME, "must be days separated by commas, or the path of an .ics file", _EXAMPLE) from None


def _days_of(text: str) -> list[str]:
    if not text.lower().endswith(".ics"):
        return [each.strip() for each in text.split(",")]
    try:
        calendar = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"names a file that cannot be read ({type(error).__name__})"
        raise SettingsError(_NAME, problem, _EXAMPLE) from None
    if "\nRRULE" in calendar:
        problem = "names a calendar with repeating events (RRULE), whose days are not computed: list each day"
        raise SettingsError(_NAME, problem, _EXAMPLE)
    return _START.findall(calendar)
