"""The notations in which INN8 may send dates and decimals, by the names that a contract file uses."""

from dataclasses import dataclass

EPOCH_MILLISECONDS_PER_UNIT = {"epoch_seconds": 1000, "epoch_milliseconds": 1}
INSTANT = "instant"
DOTNET = "/Date(ms)/"
NOTATIONS_OF_INSTANTS = (INSTANT, *EPOCH_MILLISECONDS_PER_UNIT, DOTNET)
"""Dates that are sent as an instant, whose day depends on the time zone."""

DATE_NOTATIONS = (
    "dd/MM/yyyy",
    "MM/dd/yyyy",
    "yyyy/MM/dd",
    "dd.MM.yyyy",
    "dd-MM-yyyy",
    "yyyyMMdd",
    *NOTATIONS_OF_INSTANTS,
)
COMMA, POINT = "1.234,56", "1,234.56"
DECIMAL_NOTATIONS = (COMMA, POINT)
"""Decimals as text with thousands separators (of the other sign, a space or an apostrophe), or with a decimal comma."""


@dataclass(frozen=True, slots=True)
class Notation:
    """A notation by its name. `time_zone` (IANA) decides the day of an instant."""

    name: str
    time_zone: str = "UTC"
