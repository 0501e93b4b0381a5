"""Remove the records of one person from a page, for an erasure; the other records stay byte for byte.

Records are decoded and compared, never searched as text: an id may be written with escapes, a property name in any
case.
"""

import json
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from inn8_pipeline.transform.json.reading import split
from inn8_pipeline.transform.values import Pairs

Identifiers = Mapping[str, AbstractSet[str]]
"""The values that identify a record as the person's, by the name of the property in lower case."""

Spellings = Mapping[str, Collection[str]]
"""The names that INN8 uses for a property, by the declared name in lower case."""

# Numbers as their text: an id that was sent as a number is the same id.
_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=str, parse_int=str)


def redact(
    body: bytes, identifiers: Identifiers, spellings: Spellings = MappingProxyType({})
) -> tuple[bytes, list[str | None]]:
    """Return the page without the person's records, and the ids of these records.

    A record is the person's if one of its properties has one of the values that `identifiers` lists for it. If there is
    no such record, the page is returned unchanged. An id is None if the record has no readable one.

    Raises:
        ValueError: The body is not a JSON array. A page that was landed always is one.

    """
    identifiers = _respelled(identifiers, spellings)
    kept: list[bytes] = []
    removed: list[str | None] = []
    for record in map(bytes, split(body)):
        value = _value(record)
        if _is_identified(record, value, identifiers):
            removed.append(_id(value))
        else:
            kept.append(record)
    return (b"[" + b",".join(kept) + b"]" if removed else body), removed


def _value(record: bytes) -> object:
    """Return the value of a record; None if it is nested too deeply to be read."""
    try:
        found: object = _DECODER.decode(record.decode())
    except RecursionError:
        return None
    return found


def _respelled(identifiers: Identifiers, spellings: Spellings) -> Identifiers:
    """Add the names that INN8 uses for each property; keep the declared name, which earlier records may have."""
    respelled: dict[str, AbstractSet[str]] = dict(identifiers)
    for declared, names in spellings.items():
        for name in names:
            values = identifiers.get(declared, frozenset())
            respelled[name.lower()] = respelled.get(name.lower(), frozenset()) | values
    return respelled


def _is_identified(record: bytes, value: object, identifiers: Identifiers) -> bool:
    """Return whether the record is the person's. If it is not a readable object, its text is searched."""
    if not isinstance(value, Pairs):
        return any(json.dumps(each).encode() in record for values in identifiers.values() for each in values)
    return any(isinstance(each, str) and each in identifiers.get(name.lower(), ()) for name, each in value)


def _id(value: object) -> str | None:
    found = [each for name, each in value if name.lower() == "id"] if isinstance(value, Pairs) else []
    return found[-1] if found and isinstance(found[-1], str) else None
