"""Find the array of records, and what else a body says, by JSON pointer (RFC 6901).

The records are cut out of their envelope byte for byte, so that a landing has the array alone: an envelope often holds
a time or a number of the request, which would make every page differ from the one before.
"""

from typing import Any

import msgspec

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
MISSING = object()
"""What `value_of` returns where the pointer leads nowhere."""


class NoRecordsError(Exception):
    """The pointer of the envelope leads to nothing in the body; `error` is msgspec's, if the text is malformed."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


def records_of(body: bytes, pointer: str) -> bytes:
    """Return the JSON text of the array of records, verbatim; the body itself for an empty pointer.

    Raises:
        NoRecordsError: The body is not an object that has the property.

    """
    found = _raw(body, pointer)
    if found is None:
        raise NoRecordsError
    return found


def value_of(body: bytes, pointer: str) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """Return the value at the pointer, or `MISSING`."""
    try:
        found = _raw(body, pointer)
    except NoRecordsError:
        found = None
    return MISSING if found is None else msgspec.json.decode(found)


def _raw(body: bytes, pointer: str) -> bytes | None:
    found = body
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            values = _OBJECT.decode(found)
        except msgspec.ValidationError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoRecordsError(error) from None
        folded = {key.lower(): value for key, value in values.items()}
        value = values.get(name, folded.get(name.lower()))
        if value is None:
            return None
        found = bytes(value)
    return found
