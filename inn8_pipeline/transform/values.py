"""How a single value is read, exactly: text, ids, dates, decimals. The rule of each kind stands here and nowhere else.

A value is what the JSON parser gave: a string, a `Number` (the number's own text), a bool, None, a list or `Pairs`.
Nothing here knows an entity, a page or a frame, and nothing passes through binary floating point.
"""

import re
from datetime import date
from typing import NoReturn

from inn8_pipeline.entities import MAX_DECIMAL_PLACES, MAX_DIGITS, MAX_ID_LENGTH, ReasonCode

NUL_ESCAPE = b"\\u0000"
"""The only way in which valid JSON can spell a NUL character; a body without it holds none."""

_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt](?:[01][0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?|:60(?:[.,]0+)?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)([0-9]+))?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
# No body is so large that digits could make up for an exponent of more figures than this.
_EXPONENT_FIGURES = 9


class Number(str):
    """A JSON number as its text, which keeps every digit and costs nothing, whatever its exponent."""

    __slots__ = ()


class Pairs(list[tuple[str, object]]):
    """A JSON object as its properties in the order of the text; a name may stand there twice."""

    __slots__ = ()


class FaultyValueError(ValueError):
    """A value that cannot be read. `reason` names the property and what is wrong with it, never the value."""

    def __init__(self, code: ReasonCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def read_text(value: object, name: str) -> str:
    """Return the text exactly as it came. Postgres can hold neither a NUL nor half of a surrogate pair."""
    if not isinstance(value, str) or isinstance(value, Number):
        _refuse(ReasonCode.WRONG_TYPE, f"{name} is not a string")
    if "\0" in value:
        _refuse(ReasonCode.INVALID_TEXT, f"{name} holds a NUL character")
    if not _is_unicode(value):
        _refuse(ReasonCode.INVALID_TEXT, f"{name} holds half of a surrogate pair")
    return value


def read_id(value: object, name: str) -> str:
    """Return the id exactly as it came: case counts and nothing is trimmed. An empty one is a missing one."""
    text = read_text(value, name)
    if not text:
        _refuse(ReasonCode.MISSING_FIELD, f"{name} is empty")
    if len(text) > MAX_ID_LENGTH:
        _refuse(ReasonCode.OUT_OF_RANGE, f"{name} is longer than {MAX_ID_LENGTH} characters")
    return text


def read_choice(value: object, name: str) -> str:
    """Return the text of a choice, which the mapping then looks up; it is not kept, so any text will do."""
    if not isinstance(value, str) or isinstance(value, Number):
        _refuse(ReasonCode.WRONG_TYPE, f"{name} is not a string")
    return value if _is_unicode(value) else value.encode("utf-8", "replace").decode()


def read_date(value: object, name: str) -> date:
    """Return the day of `YYYY-MM-DD`, or the date part, as written, of an ISO date-time: no time zone is applied."""
    found = _DATE.fullmatch(value) if isinstance(value, str) and not isinstance(value, Number) else None
    if found is None:
        _refuse(ReasonCode.WRONG_TYPE, f"{name} is not a date")
    try:
        return date.fromisoformat(found[1])
    except ValueError:
        _refuse(ReasonCode.OUT_OF_RANGE, f"{name} is no day of the calendar")


def read_decimal(value: object, name: str) -> str:
    """Return the number in plain digits (`-1234.5`, no exponent, no superfluous zero): exactly, or not at all.

    At most `MAX_DIGITS` significant digits and `MAX_DECIMAL_PLACES` after the point; trailing zeros there do not
    count. Time and memory are bound by the text's length, not by its exponent.
    """
    found = _DECIMAL.fullmatch(value) if isinstance(value, str) else None
    if found is None or not (found[2] or found[3]):
        if isinstance(value, str) and _NOT_FINITE.fullmatch(value):
            _refuse(ReasonCode.OUT_OF_RANGE, f"{name} is not a finite number")
        _refuse(ReasonCode.WRONG_TYPE, f"{name} is not a number")
    sign, whole, fraction = found[1], found[2], found[3] or ""
    padded = whole + fraction
    digits = padded.lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) - (len(padded) - len(digits)) + _exponent(found[4], found[5])
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    if len(digits) - point > MAX_DECIMAL_PLACES:
        _refuse(ReasonCode.OUT_OF_RANGE, f"{name} has more than {MAX_DECIMAL_PLACES} decimal places")
    if max(len(digits), point) > MAX_DIGITS:
        _refuse(ReasonCode.OUT_OF_RANGE, f"{name} has more than {MAX_DIGITS} significant digits")
    return ("-" if sign == "-" else "") + _plain(digits, point)


def _exponent(sign: str | None, figures: str | None) -> int:
    figures = (figures or "").lstrip("0")
    # A longer one is only known to be too large: turning a million figures into an int would take minutes.
    size = int(figures or "0") if len(figures) <= _EXPONENT_FIGURES else 10**_EXPONENT_FIGURES
    return -size if sign == "-" else size


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(code: ReasonCode, reason: str) -> NoReturn:
    raise FaultyValueError(code, reason) from None
