"""The public holidays are days of the setting, or of a calendar file."""

from datetime import date
from pathlib import Path

import pytest

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment, read_holidays

DAYS = {date(2026, 12, 16), date(2026, 12, 25)}
ICS = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{}\r\nDTEND;VALUE=DATE:20261217\r\nEND:VEVENT\r\n"


def holidays(text: str) -> frozenset[date]:
    return read_holidays(Environment({"INN8_HOLIDAYS": text}))


def test_holidays_are_listed_or_in_a_calendar(tmp_path: Path) -> None:
    calendar = tmp_path / "za.ics"
    calendar.write_text(ICS.format("20261216") + ICS.format("20261225T000000Z"), encoding="utf-8")
    assert holidays("") == frozenset()
    assert holidays("2026-12-16, 2026-12-25") == DAYS
    assert holidays(str(calendar)) == DAYS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ZA", "must be days separated by commas"),
        ("/nowhere/za.ics", "cannot be read (FileNotFoundError)"),
        ("yearly.ics", "repeating events"),
    ],
)
def test_what_names_no_days_is_a_wrong_setting(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "yearly.ics").write_text(ICS.format("20261216\r\nRRULE:FREQ=YEARLY"), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        holidays(str(tmp_path / text) if text == "yearly.ics" else text)
    assert problem in str(caught.value)
