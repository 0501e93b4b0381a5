"""Check one page before it is landed: that it is a JSON array, how many records it has, and their ids.

`transform` reads the records themselves.
"""

import codecs
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

_KINDS = {"{": "an object", '"': "a string", "t": "true", "f": "false", "n": "null", "<": "HTML or XML"}
_SPACE = b" \t\r\n"
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
MAX_KEYS = 10
REPLACEMENT = "\ufffd"
# The escape of a lone surrogate. JSON's grammar permits it, but msgspec takes it for the end of the text.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class NotAPageError(Exception):
    """The body is not a JSON array. `kind` says what it is instead, without any value from it.

    `error` is the error of msgspec if the text is malformed or ends too early.
    """

    def __init__(self, kind: str, *, is_markup: bool = False, error: Exception | None = None) -> None:
        super().__init__(f"is {kind}")
        self.is_markup = is_markup
        self.error = error


class _Identified(msgspec.Struct, gc=False):
    """The id of a record, in each spelling that the contract permits. No other property is read."""

    id: Any = msgspec.UNSET
    Id: Any = msgspec.UNSET
    ID: Any = msgspec.UNSET
    iD: Any = msgspec.UNSET  # noqa: N815 (the server's spelling)


_PAGE = msgspec.json.Decoder(list[_Identified])
_RECORDS = msgspec.json.Decoder(list[msgspec.Raw])
_RECORD = msgspec.json.Decoder(_Identified)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Page:
    """A page as INN8 sent it: the UTF-8 text of a JSON array, without a byte order mark.

    `number` counts from 1 within the fetch. Bytes that are not UTF-8 are replaced (see `http/encoding.py`).
    """

    number: int
    body: bytes = field(repr=False)
    records: int


MIN_RECORD_BYTES = 32
"""The least average length of the records of a long page. As a reject, `1` in `[1,1,1]` costs 500 times its length."""

MAX_SHORT_RECORDS = 100_000
"""How many records a page may have, however short they are."""


def strip_bom(body: bytes) -> bytes:
    """Return the body without the byte order mark that .NET servers often send."""
    return body.removeprefix(codecs.BOM_UTF8)


def record_ids(body: bytes) -> tuple[int, list[str]]:
    """Return the number of records of a page, and the readable ids in order.

    A record without a readable id is counted too.

    Raises:
        NotAPageError: The body is not a JSON array.

    """
    _require_array(body)
    replacement = None
    try:
        records = _decode(body)
    except msgspec.DecodeError:
        # A lone surrogate makes one record invalid, not the page. Its replacement has the same length.
        replacement = REPLACEMENT
        records = _decode_or_refuse(_SURROGATE.sub(rb"\\ufffd", body))
    except RecursionError:
        _refuse("not a JSON array that can be read: it is nested too deeply")
    _require_few(len(records), len(body))
    ids = _ids_of(records)
    return len(records), [each for each in ids if replacement not in each] if replacement else ids


def split_page(body: bytes) -> list[bytes]:
    """Return the JSON texts of the records of a page that `record_ids` has read."""
    return [bytes(each) for each in _RECORDS.decode(_SURROGATE.sub(rb"\\ufffd", body))]


def top_level_keys(body: bytes) -> tuple[str, ...]:
    """Return at most ten keys of a JSON object that look like names, without values; none if it is not an object."""
    try:
        keys = _OBJECT.decode(strip_bom(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(key for key in keys if _KEY.fullmatch(key))[:MAX_KEYS]


def _decode(body: bytes) -> list[_Identified]:
    try:
        return _PAGE.decode(body)
    except msgspec.ValidationError:
        elements = _RECORDS.decode(body)
        _require_few(len(elements), len(body))
        return [_record(raw) for raw in elements]


def _decode_or_refuse(body: bytes) -> list[_Identified]:
    try:
        return _decode(body)
    except msgspec.DecodeError as error:
        kind = "not a JSON array that can be read: it is malformed, or ends too early"
        raise NotAPageError(kind, error=error) from None
    except RecursionError:
        _refuse("not a JSON array that can be read: it is nested too deeply")


def _record(raw: msgspec.Raw) -> _Identified:
    try:
        return _RECORD.decode(raw)
    except msgspec.ValidationError:
        return _Identified()


def _ids_of(records: list[_Identified]) -> list[str]:
    """Return the readable ids. The first line is the fast path for the usual case: every record spells it `id`."""
    ids = [found for each in records if type(found := each.id) is str]
    if len(ids) == len(records):
        return ids
    return [found for each in records if type(found := _id_of(each)) is str]


def _id_of(record: _Identified) -> object:
    spellings = (record.id, record.Id, record.ID, record.iD)
    return next((each for each in spellings if each is not msgspec.UNSET), None)


def _require_few(records: int, length: int) -> None:
    bound = max(MAX_SHORT_RECORDS, length // MIN_RECORD_BYTES)
    if records > bound:
        _refuse(f"an array of {records} elements in {length} bytes, too short to be records (the bound is {bound})")


def _require_array(body: bytes) -> None:
    first = body.lstrip(_SPACE)[:1].decode(errors="replace") if body[:1] != b"[" else "["
    if first == "[":
        return
    keys = top_level_keys(body) if first == "{" else ()
    kind = _KINDS.get(first, "a number" if first == "-" or first.isdigit() else "no JSON at all")
    _refuse(
        f"not a JSON array but {kind}" + (f" with the keys {', '.join(keys)}" if keys else ""), is_markup=first == "<"
    )


def _refuse(kind: str, *, is_markup: bool = False) -> NoReturn:
    raise NotAPageError(kind, is_markup=is_markup) from None
