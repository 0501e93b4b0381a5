"""A time is written in the zone of the reader, with UTC beside it."""

from datetime import UTC, datetime

import pytest

from inn8_pipeline.settings import moment

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "text"),
    [
        ("UTC", "2026-11-24 10:00 UTC"),
        ("Africa/Johannesburg", "2026-11-24 12:00 SAST, 10:00 UTC"),
        ("Pacific/Auckland", "2026-11-24 23:00 NZDT, 10:00 UTC"),
        ("Pacific/Kiritimati", "2026-11-25 00:00 +14, 2026-11-24 10:00 UTC"),
    ],
)
def test_a_time_is_local_with_utc_beside_it(timezone: str, text: str) -> None:
    assert moment(AT, timezone) == text


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_without_a_zone_a_time_is_in_that_of_the_terminal() -> None:
    assert moment(AT) == "2026-11-24 12:00 SAST, 10:00 UTC"
