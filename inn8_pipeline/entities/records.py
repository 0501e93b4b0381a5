"""Values that several layers use: a window of days, a reject and its reason, and the bounds of a record."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

MAX_ID_LENGTH = 255
"""The longest accepted id, in characters. The limit is ours: every id fits into an index entry (2,704 bytes)."""

MAX_DIGITS = 28
MAX_DECIMAL_PLACES = 10
"""The largest number of significant digits, and of digits after the point, without trailing zeros after the point."""

PAGE_SIZE = 1000
"""The page size that is requested (`pageSize`), in records. A server may ignore it."""
MAX_PAGE_SIZE = 100_000
"""The largest page size that may be requested, in records."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A range of days of trade, both ends inclusive."""

    from_date: date
    to_date: date

    def __contains__(self, day: date) -> bool:
        """Return whether the day lies in the window."""
        return self.from_date <= day <= self.to_date

    def days(self) -> Iterator[date]:
        """Yield each day, in order."""
        for offset in range((self.to_date - self.from_date).days + 1):
            yield self.from_date + timedelta(days=offset)

    def widened(self, days: int) -> "Window":
        """Return the window extended by this number of days at each end."""
        return Window(self.from_date - timedelta(days=days), self.to_date + timedelta(days=days))

    def __str__(self) -> str:
        """Return `2026-10-01 to 2026-10-31`, or the one day."""
        if self.from_date == self.to_date:
            return self.from_date.isoformat()
        return f"{self.from_date} to {self.to_date}"


class ReasonCode(StrEnum):
    """Why a record was rejected."""

    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    INVALID_TEXT = "invalid_text"  # a NUL, a lone surrogate, or bytes that are not UTF-8: Postgres cannot store it
    UNKNOWN_PARENT = "unknown_parent"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot become a row, and why.

    `ordinal` is its position in the landing; it is negative for an open reject that is tried again. `reason` names the
    field, never its value. `external_id` and `trade_date` are None if they cannot be read. `payload` is the record's
    JSON as sent.
    """

    ordinal: int
    reason_code: ReasonCode
    reason: str
    payload: bytes = field(repr=False)
    external_id: str | None = field(default=None, repr=False)
    trade_date: date | None = None
