"""Read the array of records and other values from the body of a response, by JSON pointer (RFC 6901).

The array is cut out of its envelope byte for byte, and only the array is landed. An envelope often has a time or a
request number, which would make every page differ from its previous version.
"""

from typing import Any

import msgspec

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
MISSING = object()
"""The result of `value_of` if nothing is at the pointer."""


class NoRecordsError(Exception):
    """Nothing is at the pointer in the body. `error` is the error of msgspec if the text is malformed."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


def records_of(body: bytes, pointer: str) -> bytes:
    """Return the JSON text at the pointer, verbatim; the whole body for an empty pointer.

    Raises:
        NoRecordsError: Nothing is at the pointer, or the body is not JSON.

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
