"""Find the array of records, totals and links in the body of a response."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from inn8_pipeline.transform.json.parsing import parse
from inn8_pipeline.transform.values import Number, Pairs

MAX_DEPTH = 3
_TOTAL = re.compile(r"total|count|records|pages", re.IGNORECASE)
_NEXT = re.compile(r"next|cursor|continuation|after", re.IGNORECASE)
_NOT_NEXT = re.compile(r"^has|^is|prev|before|size|limit", re.IGNORECASE)
_NOT_TOTAL = re.compile(r"size|limit|current|^page$|per", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a response: the JSON pointer to its records, and the records; None if there is no array."""

    pointer: str | None
    records: list[object]
    value: object = None


def read_body(body: bytes, expected_pointer: str) -> Body | None:
    """Return the records of a body: at the expected pointer if there is an array, else the largest array.

    None if the body is not JSON.
    """
    try:
        value = parse(body)
    except (ValueError, RecursionError):
        return None
    arrays = dict(_arrays(value))
    folded = {pointer.lower(): pointer for pointer in arrays}
    pointer = folded.get(expected_pointer.lower())
    if pointer is None and arrays:
        pointer = max(arrays, key=lambda each: (len(arrays[each]), -each.count("/")))
    return Body(pointer, arrays[pointer] if pointer is not None else [], value)


def total_pointers(value: object) -> dict[str, int]:
    """Return the whole numbers beside the records that may be a total, by JSON pointer."""
    return {
        pointer: int(number)
        for pointer, name, number in _leaves(value)
        if isinstance(number, Number) and re.fullmatch(r"[0-9]{1,15}", number)
        if _TOTAL.search(name) and not _NOT_TOTAL.search(name)
    }


def next_pointers(value: object) -> dict[str, str]:
    """Return the texts beside the records that may be the next page's URL or cursor, by JSON pointer."""
    return {
        pointer: text
        for pointer, name, text in _leaves(value)
        if isinstance(text, str) and text and _NEXT.search(pointer) and not _NOT_NEXT.search(name)
    }


def is_address(text: str) -> bool:
    """Return whether a text is a URL or a path, and no cursor."""
    return re.match(r"https?://|/|\?", text) is not None


def _arrays(value: object, pointer: str = "", depth: int = 0) -> Iterator[tuple[str, list[object]]]:
    if isinstance(value, Pairs):
        if depth < MAX_DEPTH:
            for name, each in value:
                yield from _arrays(each, f"{pointer}/{_escaped(name)}", depth + 1)
    elif isinstance(value, list):
        yield pointer, value


def _leaves(value: object, pointer: str = "", depth: int = 0) -> Iterator[tuple[str, str, object]]:
    if not isinstance(value, Pairs) or depth >= MAX_DEPTH:
        return
    for name, each in value:
        path = f"{pointer}/{_escaped(name)}"
        if isinstance(each, Pairs):
            yield from _leaves(each, path, depth + 1)
        else:
            yield path, name, each


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
