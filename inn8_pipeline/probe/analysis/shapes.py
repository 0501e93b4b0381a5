"""Shapes of values: what a value looks like, without the value."""

import re

MAX_LENGTH = 24
MAX_LETTERS = 4
"""Longer runs of letters are shown as this many: `Aaaa Aaaa` is any first name and surname."""

_KEPT = frozenset(" -/.,:+()@_#&'")
_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@-]{0,39}")
_RUN = re.compile(rf"(a{{{MAX_LETTERS}}})a+|(A{{{MAX_LETTERS}}})A+")


def shape(text: str) -> str:
    """Return the text with each digit as 9 and each letter as a or A: `9999-99-99`, `Aaaa Aaaa`.

    Long runs of letters are shortened, and so is the whole.
    """
    found = _RUN.sub(r"\1\2", "".join(map(_sign, text[: 4 * MAX_LENGTH])))
    return found if len(found) <= MAX_LENGTH and len(text) <= 4 * MAX_LENGTH else found[:MAX_LENGTH] + "…"


def number_shape(text: str) -> str:
    """Return the shape of a JSON number: `-9999.99`, `9e99`."""
    return re.sub(r"[0-9]", "9", text[:MAX_LENGTH])


def safe_name(name: str) -> str:
    """Return the name of a property, if it looks like one: an object may be a map with addresses as its keys."""
    return name if _NAME.fullmatch(name) else f"(a name of {len(name)} characters)"


def _sign(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character in _KEPT else "?"
