"""Parse JSON without loss: properties in the order of the text, numbers as their text, records byte for byte.

This is the slow, lenient parser, for records that msgspec cannot parse (half of a surrogate pair), of which it hides
something (a property given twice in two spellings), or beside which another record is nested too deeply.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from inn8_pipeline.transform.values import Number, Pairs

_BLANKS = re.compile(r"[ \t\n\r]*")
_TO_BRACKET = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"?)*+([\[\]{}])', re.DOTALL)


class NotJsonError(ValueError):
    """The text is not JSON, or not an array."""


def _refuse_constant(_: str) -> NoReturn:
    raise NotJsonError


_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant
)


def parse(payload: bytes) -> object:
    """Return the value of a JSON text.

    Raises:
        ValueError: The text is not JSON.
        RecursionError: It is nested too deeply.

    """
    found: object = _DECODER.decode(payload.decode())
    return found


def split(body: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON array, byte for byte, however deeply they are nested.

    An element that is nested too deeply to be parsed is not checked: only its brackets are counted.

    Raises:
        ValueError: The text is not a JSON array.

    """
    text = body.decode()
    at = _expect(text, 0, "[")
    at = _skip_blanks(text, at)
    if text[at : at + 1] == "]":
        _expect_end(text, at + 1)
        return
    while True:
        begin = _skip_blanks(text, at)
        at = _end_of_element(text, begin)
        yield text[begin:at].encode()
        at = _skip_blanks(text, at)
        if text[at : at + 1] == "]":
            _expect_end(text, at + 1)
            return
        at = _expect(text, at, ",")


def _end_of_element(text: str, begin: int) -> int:
    try:
        _, end = _DECODER.raw_decode(text, begin)
    except RecursionError:
        return _end_of_nested(text, begin)
    return end


def _end_of_nested(text: str, begin: int) -> int:
    """Return the end of the object or array that begins here, without recursion."""
    depth, at = 0, begin
    while found := _TO_BRACKET.match(text, at):
        depth += 1 if found[1] in "[{" else -1
        at = found.end()
        if not depth:
            return at
    raise NotJsonError


def _skip_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip_blanks(text, at)
    if text[at : at + 1] != sign:
        raise NotJsonError
    return at + 1


def _expect_end(text: str, at: int) -> None:
    if _skip_blanks(text, at) != len(text):
        raise NotJsonError
