"""Find the line of a key in a TOML text, for error messages. `tomllib` does not keep line numbers."""

import re
import tomllib
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


def line_of(text: str, path: Sequence[str]) -> int:
    """Return the line number of the key, or of the innermost table around it; 1 if the text has neither."""
    best, line = 0, 1
    for number, found in _keys(text):
        depth = len(found)
        if depth > best and tuple(path[:depth]) == found:
            best, line = depth, number
    return line


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _path(header[1])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_path(key[1]))


def _path(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key. A part may be quoted."""
    try:
        found = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts = []
    while isinstance(found, dict):
        (name, found), *_ = found.items()
        parts.append(name)
    return tuple(parts)
