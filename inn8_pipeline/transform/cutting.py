"""Records cut out of a page, the others left to the letter: for the erasure of what is kept of one person.

Records are decoded and compared, never searched as text: an id may be spelt in escapes, a property in any case.
"""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from inn8_pipeline.transform.decode import split
from inn8_pipeline.transform.values import Pairs

Marks = Mapping[str, AbstractSet[str]]
"""By a property's name in lower case the values that mark a record as one to go."""

# Numbers as their text: an id that came as a number is the same id.
_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=str, parse_int=str)


def cut(body: bytes, marks: Marks) -> tuple[bytes, list[str | None]]:
    """The page without the records of which any marked property has a marked value, and their ids.

    The very page where there is none. An id is None where the record has no text for it. ValueError where the body is
    no JSON array.
    """
    kept: list[bytes] = []
    gone: list[str | None] = []
    for record in map(bytes, split(body)):
        pairs = _read(record)
        if _is_marked(record, pairs, marks):
            gone.append(_id(pairs))
        else:
            kept.append(record)
    return (b"[" + b",".join(kept) + b"]" if gone else body), gone


def _read(record: bytes) -> Pairs | None:
    """The record's properties; None where it is no object, or too deep to be read."""
    try:
        found = _DECODER.decode(record.decode())
    except RecursionError:
        return None
    return found if isinstance(found, Pairs) else None


def _is_marked(record: bytes, pairs: Pairs | None, marks: Marks) -> bool:
    """Of what cannot be read the text decides, so that nothing of a person hides in it."""
    if pairs is None:
        return any(json.dumps(value).encode() in record for values in marks.values() for value in values)
    return any(isinstance(value, str) and value in marks.get(name.lower(), ()) for name, value in pairs)


def _id(pairs: Pairs | None) -> str | None:
    found = [value for name, value in pairs or () if name.lower() == "id" and isinstance(value, str)]
    return found[-1] if found else None
