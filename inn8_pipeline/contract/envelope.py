"""Read the array of records and other values from the body of a response, by JSON pointer (RFC 6901).

The array is cut out of its envelope byte for byte, and only the array is landed. An envelope often has a time or a
request number, which would make every page differ from its previous version.
"""

import re
from itertools import count
from typing import Any

import msgspec

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
# The escape of a lone surrogate, or of half of a pair. JSON's grammar permits it, msgspec calls it malformed.
_SURROGATE = re.compile(rb"\\u([dD][89a-fA-F][0-9a-fA-F]{2})")
MISSING = object()
"""The result of `Envelope.value` if nothing is at the pointer."""


class NoRecordsError(Exception):
    """The body has nothing at the pointer to the records. `error` is that of msgspec if the text is malformed."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


class UnreadableValueError(Exception):
    """The value at the pointer cannot be decoded: it has a lone surrogate, or bytes that are not UTF-8."""


class Envelope:
    """The body of one response. Each object within it is decoded at most once, however many pointers lead into it."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._objects: dict[str, dict[str, bytes] | None] = {}

    def records(self, pointer: str) -> bytes:
        """Return the JSON text at the pointer, verbatim; the whole body for an empty pointer.

        Raises:
            NoRecordsError: Nothing is at the pointer, or the body is not JSON.

        """
        found = self._raw(pointer)
        if found is None:
            raise NoRecordsError
        return found

    def value(self, pointer: str) -> Any:  # noqa: ANN401 (whatever JSON holds)
        """Return the value at the pointer, or `MISSING`.

        Raises:
            UnreadableValueError: There is a value, and it cannot be decoded.

        """
        try:
            found = self._raw(pointer)
        except NoRecordsError:
            found = None
        try:
            return MISSING if found is None else msgspec.json.decode(found)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UnreadableValueError from None

    def _raw(self, pointer: str) -> bytes | None:
        if not pointer:
            return self._body
        parent, _, part = pointer.rpartition("/")
        if parent not in self._objects:
            text = self._raw(parent)
            self._objects[parent] = None if text is None else _members(text)
        values = self._objects[parent] or {}
        name = part.replace("~1", "/").replace("~0", "~")
        if name in values:
            return values[name]
        return {key.lower(): value for key, value in values.items()}.get(name.lower())


def _members(text: bytes) -> dict[str, bytes] | None:
    """Return the members of a JSON object, each as its text; None if the text is another JSON value."""
    try:
        return {name: bytes(value) for name, value in _OBJECT.decode(text).items()}
    except msgspec.ValidationError:
        return None
    except (UnicodeDecodeError, RecursionError) as error:
        raise NoRecordsError(error) from None
    except msgspec.DecodeError as error:
        if not _SURROGATE.search(text):
            raise NoRecordsError(error) from None
        return _members_with_surrogates(text)


def _members_with_surrogates(text: bytes) -> dict[str, bytes] | None:
    """Return the members of an object that has lone surrogates. While it is decoded, other escapes replace them."""
    marker = next(each for number in count() if (each := rb"\ue000%d@" % number) not in text)
    try:
        values = _OBJECT.decode(_SURROGATE.sub(lambda found: marker + found[1], text))
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoRecordsError(error) from None
    return {name: bytes(value).replace(marker, rb"\u") for name, value in values.items()}
