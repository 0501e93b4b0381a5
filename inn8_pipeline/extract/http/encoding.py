r"""Make a page valid UTF-8, so that an invalid byte makes its record invalid and not the whole page.

Each invalid byte becomes the JSON escape of a lone surrogate: `\udc80` to `\udcff` for the bytes 80 to FF. Valid text
never contains one. Postgres can store the page, the other records are read as usual, and the transform rejects the
record with the escape, also when it is retried or rebuilt. U+FFFD is not used, because it is a valid character: the
record would be accepted at its first retry.
"""

import re

from inn8_pipeline.extract.paging.page import NotAPageError

MAX_INVALID_BYTES = 100_000
"""The most invalid bytes of a page. A page with more is considered to have another encoding."""

_INVALID = re.compile("([\udc80-\udcff])")
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")


def escape_invalid_utf8(body: bytes) -> bytes:
    """Return the page with each invalid byte replaced by an escape; the page itself if it is valid UTF-8.

    Raises:
        NotAPageError: The page is in another encoding.

    """
    try:
        body.decode()
    except UnicodeDecodeError:
        text = body.decode(errors="surrogateescape")
    else:
        return body
    pieces = _INVALID.split(text)
    if text.lstrip()[:1] != "[" or len(pieces) // 2 > MAX_INVALID_BYTES:
        kind = "not JSON: its text is not UTF-8"
        raise NotAPageError(kind) from None
    pieces[0:-1:2], pieces[1::2] = zip(*map(_escaped, pieces[0:-1:2], pieces[1::2]), strict=True)
    return "".join(pieces).encode()


def _escaped(before: str, byte: str) -> tuple[str, str]:
    """Return the text before an invalid byte and the escape of the byte, such that they do not form one valid escape.

    If the escape of a high surrogate precedes it, the two would form a pair, so the byte is written twice. A backslash
    before the byte is not valid JSON and is dropped.
    """
    escape = f"\\u{ord(byte):04x}"
    unescaped = before.rstrip("\\")
    if _HIGH_SURROGATE.fullmatch(unescaped[-6:]):
        escape += escape
    return (before[:-1] if (len(before) - len(unescaped)) % 2 else before), escape
