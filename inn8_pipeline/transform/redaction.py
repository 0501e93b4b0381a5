"""Records cut out of a page, the others left to the letter: for the erasure of what is kept of one person.

Records are decoded and compared, never searched as text: an id may be spelt in escapes, a property in any case.
"""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from inn8_pipeline.transform.json.reading import split
from inn8_pipeline.transform.values import Pairs

Marks = Mapping[str, AbstractSet[str]]
"""By a property's name in lower case the values that mark a record as one to go."""

# Numbers as their text: an id that came as a number is the same id.
_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=str, parse_int=str)


def cut(body: bytes, marks: Marks) -> tuple[bytes, list[str | None]]:
    """The page without the records of which any marked property has a marked value, and their ids.

    The very page where there is none. An id is None where the record has no text for it. A page that was landed
    can be read; of anything else ValueError or RecursionError.
    """
    kept: list[bytes] = []
    gone: list[str | None] = []
    for record in map(bytes, split(body)):
        value = _DECODER.decode(record.decode())
        if _is_marked(record, value, marks):
            gone.append(_id(value))
        else:
            kept.append(record)
    return (b"[" + b",".join(kept) + b"]" if gone else body), gone


def _is_marked(record: bytes, value: object, marks: Marks) -> bool:
    """Of what is no object the text decides, so that nothing of a person hides in it."""
    if not isinstance(value, Pairs):
        return any(json.dumps(each).encode() in record for values in marks.values() for each in values)
    return any(isinstance(each, str) and each in marks.get(name.lower(), ()) for name, each in value)


def _id(value: object) -> str | None:
    found = [each for name, each in value if name.lower() == "id"] if isinstance(value, Pairs) else []
    return found[-1] if found and isinstance(found[-1], str) else None
