"""JSON text with nothing lost: properties in the text's order, numbers as their text, and where each record stands.

The slow and forgiving parser, for what msgspec refuses or cannot tell: half a surrogate pair, a name given twice in
two spellings. Nothing here knows what a property means.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from inn8_pipeline.transform.values import Number, Pairs

_BLANKS = re.compile(r"[ \t\n\r]*")


class NotJsonError(ValueError):
    """The text is no JSON, or no array."""


def _refuse_constant(_: str) -> NoReturn:
    raise NotJsonError


_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant
)


def parse(payload: bytes) -> object:
    """Return the value of a JSON text. ValueError where it is none, RecursionError where it is too deep."""
    found: object = _DECODER.decode(payload.decode())
    return found


def split(body: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON array, byte for byte. ValueError where the text is no JSON array."""
    text = body.decode()
    at = _expect(text, 0, "[")
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        _expect_end(text, at + 1)
        return
    while True:
        begin = _skip(text, at)
        _, at = _DECODER.raw_decode(text, begin)
        yield text[begin:at].encode()
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            _expect_end(text, at + 1)
            return
        at = _expect(text, at, ",")


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != sign:
        raise NotJsonError
    return at + 1


def _expect_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise NotJsonError
