"""Read one value of a record exactly: text, id, choice, date or decimal. All rules of values are in this module.

A value is what `json.parsing` returns: a string, a `Number` (the number as its text), a bool, None, a list or `Pairs`.
No number passes through binary floating point.
"""

import re
from datetime import date
from typing import NoReturn, assert_never

from inn8_pipeline.entities import (
    MAX_DECIMAL_PLACES,
    MAX_DIGITS,
    MAX_ID_LENGTH,
    Folding,
    Kind,
    Notation,
    Property,
    ReasonCode,
)
from inn8_pipeline.transform.notations import day_of, plain_decimal

EMPTY_DATES = frozenset({date(1, 1, 1), date(1753, 1, 1), date(1900, 1, 1), date(9999, 12, 31)})
"""Dates that mean that no date was set.

System.Text.Json writes a `DateTime` that was never set as 0001-01-01T00:00:00, because it cannot be null, and
`DateTime.MaxValue` for "never" as 9999-12-31. SQL Server's `datetime` cannot hold year 1: 1753-01-01 is
`SqlDateTime.MinValue`, and an empty string becomes 1900-01-01. No trade on this platform is as old as any of them.
"""

FIRST_YEAR, LAST_YEAR = 1901, 2199
"""The years that any other date must lie in: 0026-10-05 is a mistake, and would be outside of every window."""

NUL_ESCAPE = b"\\u0000"
"""The only spelling of a NUL character in valid JSON; a body without it contains none."""

_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt](?:[01][0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?|:60(?:[.,]0+)?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
DATE_LENGTH = len("YYYY-MM-DD")
_EMPTY_DATE_TEXTS = frozenset(day.isoformat() for day in EMPTY_DATES)
_SEPARATORS = re.compile(r"[\s_-]+")
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)([0-9]+))?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
# What `extract.http.encoding` makes of a byte that is not UTF-8.
_INVALID_BYTE = re.compile("[\udc80-\udcff]")
# No body is large enough for its digits to compensate for an exponent with more figures than this.
_EXPONENT_FIGURES = 9


class Number(str):
    """A JSON number as its text: every digit is kept, and a huge exponent costs nothing."""

    __slots__ = ()


class Pairs(list[tuple[str, object]]):
    """The properties of a JSON object in the order of the text; a name may occur more than once."""

    __slots__ = ()


class InvalidValueError(ValueError):
    """A value that cannot be read. `reason` names the property and what is wrong with it, never the value."""

    def __init__(self, code: ReasonCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def require_utf8(value: object) -> None:
    """Raise InvalidValueError if the record has bytes, in a name or a value, that were not UTF-8 when it was sent."""
    if _has_invalid_byte(value):
        reason = r"the record has bytes that are not UTF-8, shown in its payload as \udc80 to \udcff"
        _reject(ReasonCode.INVALID_TEXT, reason)


def read_text(value: object, name: str) -> str:
    """Return the text exactly as sent. Postgres can store neither a NUL nor half of a surrogate pair."""
    if not isinstance(value, str) or isinstance(value, Number):
        _reject(ReasonCode.WRONG_TYPE, f"{name} is not a string")
    if "\0" in value:
        _reject(ReasonCode.INVALID_TEXT, f"{name} holds a NUL character")
    if not _is_unicode(value):
        _reject(ReasonCode.INVALID_TEXT, f"{name} holds half of a surrogate pair")
    return value


def read_id(value: object, name: str) -> str:
    """Return the id exactly as sent: case matters and nothing is trimmed. An empty id counts as missing."""
    text = read_text(value, name)
    if not text:
        _reject(ReasonCode.MISSING_FIELD, f"{name} is empty")
    if len(text) > MAX_ID_LENGTH:
        _reject(ReasonCode.OUT_OF_RANGE, f"{name} is longer than {MAX_ID_LENGTH} characters")
    return text


def read_choice(value: object, name: str) -> str:
    """Return the text of a choice. It is only looked up in a list and never stored, so any string is accepted."""
    if not isinstance(value, str) or isinstance(value, Number):
        _reject(ReasonCode.WRONG_TYPE, f"{name} is not a string")
    return value if _is_unicode(value) else value.encode("utf-8", "replace").decode()


def fold(text: str, folding: Folding) -> str:
    """Return the text without what the folding ignores, for comparing it with a choice.

    `Retirement Annuity`, `retirement-annuity` and `RetirementAnnuity` are one choice of `Folding.LETTERS`.
    """
    match folding:
        case Folding.CASE:
            return text.strip().lower()
        case Folding.LETTERS:
            return _SEPARATORS.sub("", text).lower()
        case _:
            assert_never(folding)


def choices_by_key(source: Property) -> dict[str, str]:
    """Return the choices by their folded text, and also by that of the values that the contract maps to them."""
    by_key = {fold(choice, source.folding): choice for choice in source.choices}
    return by_key | {fold(sent, source.folding): ours for sent, ours in source.meanings}


def is_unlisted(value: str, source: Property) -> bool:
    """Return whether the text is reported as drift: it is not a listed choice, or it is an empty date."""
    match source.kind:
        case Kind.CHOICE:
            return fold(value, source.folding) not in choices_by_key(source)
        case Kind.DATE:
            return empty_date(value, source.notation) is not None
        case _:
            return False


def empty_date(value: str, notation: Notation | None) -> str | None:
    """Return the empty date that the text of a date means, as `YYYY-MM-DD`; None if it means another day, or none."""
    if notation is None:
        return value[:DATE_LENGTH] if value[:DATE_LENGTH] in _EMPTY_DATE_TEXTS else None
    try:
        day = day_of(value, notation, EMPTY_DATES)
    except (ValueError, OverflowError):
        return None
    return day.isoformat() if day in EMPTY_DATES else None


def read_date(value: object, name: str, notation: Notation | None = None) -> date | None:
    """Return the day of `YYYY-MM-DD`, or of an ISO date-time its date part as written: no time zone is applied.

    With a notation, return the day that the value means in it. Return None for an empty date.
    """
    try:
        day = _iso_day(value) if notation is None else day_of(value, notation, EMPTY_DATES)
    except (ValueError, OverflowError):
        _reject(ReasonCode.OUT_OF_RANGE, f"{name} is no day of the calendar{_in(notation)}")
    if day is None:
        _reject(ReasonCode.WRONG_TYPE, f"{name} is not a date{_in(notation)}")
    if day in EMPTY_DATES:
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        _reject(ReasonCode.OUT_OF_RANGE, f"{name} is not from {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _iso_day(value: object) -> date | None:
    found = _DATE.fullmatch(value) if isinstance(value, str) and not isinstance(value, Number) else None
    return found and date.fromisoformat(found[1])


def _in(notation: Notation | None) -> str:
    return f" in the notation {notation.name} of the contract" if notation else ""


def require_date(day: date | None, name: str) -> date:
    """Return the day of a required date. Raise InvalidValueError if it is an empty date."""
    if day is None:
        reason = f"{name} is an empty date (such as 0001-01-01), which means that none was set"
        _reject(ReasonCode.MISSING_FIELD, reason)
    return day


def read_decimal(value: object, name: str, notation: Notation | None = None) -> str:
    """Return the exact number in plain digits: `-1234.5`, without an exponent or superfluous zeros.

    At most `MAX_DIGITS` significant digits are accepted, `MAX_DECIMAL_PLACES` of them after the point; trailing zeros
    after the point do not count. Time and memory depend on the length of the text, not on its exponent. A notation is
    that of numbers sent as text; with one, the result is a `Number`, so that it is not read in the notation again.

    Raises:
        InvalidValueError: The value is not a number, or has more digits than that. Nothing is rounded.

    """
    if notation is not None:
        plain = plain_decimal(value, notation) if isinstance(value, str) and not isinstance(value, Number) else value
        if plain is None:
            _reject(ReasonCode.WRONG_TYPE, f"{name} is not a number{_in(notation)}")
        return Number(read_decimal(plain, name))
    found = _DECIMAL.fullmatch(value) if isinstance(value, str) else None
    if found is None or not (found[2] or found[3]):
        if isinstance(value, str) and _NOT_FINITE.fullmatch(value):
            _reject(ReasonCode.OUT_OF_RANGE, f"{name} is not a finite number")
        _reject(ReasonCode.WRONG_TYPE, f"{name} is not a number")
    sign, whole, fraction = found[1], found[2], found[3] or ""
    padded = whole + fraction
    digits = padded.lstrip("0")
    # The value is 0.DIGITS * 10 ** point.
    point = len(whole) - (len(padded) - len(digits)) + _exponent(found[4], found[5])
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    if len(digits) - point > MAX_DECIMAL_PLACES:
        _reject(ReasonCode.OUT_OF_RANGE, f"{name} has more than {MAX_DECIMAL_PLACES} decimal places")
    if max(len(digits), point) > MAX_DIGITS:
        _reject(ReasonCode.OUT_OF_RANGE, f"{name} has more than {MAX_DIGITS} significant digits")
    return ("-" if sign == "-" else "") + _plain(digits, point)


def _exponent(sign: str | None, figures: str | None) -> int:
    figures = (figures or "").lstrip("0")
    # Of a longer exponent it is enough to know that it is too large: int() of a million figures takes minutes.
    size = int(figures or "0") if len(figures) <= _EXPONENT_FIGURES else 10**_EXPONENT_FIGURES
    return -size if sign == "-" else size


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _has_invalid_byte(value: object) -> bool:
    # Without recursion, because a value may be nested more deeply than Python's functions can call each other.
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text if _INVALID_BYTE.search(text):
                return True
            case list() | tuple() as values:
                waiting.extend(values)
    return False


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reject(code: ReasonCode, reason: str) -> NoReturn:
    raise InvalidValueError(code, reason) from None
