"""Read a contract file: TOML in which every key is optional and has a default."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inn8_pipeline.contract.model import (
    CONDITIONAL,
    PAGING_STYLES,
    CollectionContract,
    Contract,
    PagingContract,
    PropertyContract,
    TokenContract,
    TotalContract,
    WindowContract,
    default_of,
)
from inn8_pipeline.contract.toml_lines import line_of
from inn8_pipeline.contract.toml_table import InvalidKeyError, TomlTable
from inn8_pipeline.entities import (
    DATE_NOTATIONS,
    DECIMAL_NOTATIONS,
    ID_PROPERTY,
    MAX_PAGE_SIZE,
    NOTATIONS_OF_INSTANTS,
    Entity,
    Kind,
    Notation,
    Property,
)

SHARED = ("paging", "total", "window")
"""Tables that are allowed at the top, for all collections, and within a collection, for this collection only."""
OWN_HEADERS = frozenset({"authorization", "host", "content-length", "accept-encoding", "cookie", "connection"})


class InvalidContractError(ValueError):
    """Raised when a contract file is invalid; names the line, the key and the problem."""

    def __init__(self, line: int, key: str, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.key = key
        self.problem = problem


def parse(text: str, entities: Iterable[Entity]) -> Contract:
    """Return the contract of a file.

    Raises:
        InvalidContractError: The text is not TOML, a key is unknown, or a value is not allowed.

    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise InvalidContractError(int(found[1]) if found else 1, "the file", "is not valid TOML") from None
    try:
        return _contract(values, entities)
    except InvalidKeyError as error:
        raise InvalidContractError(line_of(text, error.path), ".".join(error.path), error.problem) from None


def _contract(values: Mapping[str, Any], entities: Iterable[Entity]) -> Contract:
    top = TomlTable(values)
    for name in SHARED:
        top.table(name)
    records = top.pointer("records", "")
    token, request, collections = (top.table(name) for name in ("token", "request", "collections"))
    contract = Contract(
        token=_token(token),
        headers=_headers(request),
        parameters=request.texts("parameters"),
        collections={
            entity.name: _collection(entity, collections.table(entity.name), values, records) for entity in entities
        },
    )
    for table in (request, collections, top):
        table.reject_unknown_keys()
    return contract


def _token(table: TomlTable) -> TokenContract:
    default = TokenContract()
    token = TokenContract(
        path=table.url_path("path", default.path),
        credentials=table.choice("credentials", default.credentials, ("body", "basic")),
        scope=table.text("scope", default.scope),
    )
    table.reject_unknown_keys()
    return token


def _headers(request: TomlTable) -> dict[str, str]:
    headers = request.texts("headers")
    table = request.table("headers")
    for name in headers:
        if name.lower() in OWN_HEADERS or not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
            table.reject(name, "is not a header that a contract can set")
    return headers


def _collection(entity: Entity, table: TomlTable, values: Mapping[str, Any], records: str) -> CollectionContract:
    default = default_of(entity)
    contract = CollectionContract(
        path=table.url_path("path", default.path),
        records_pointer=table.pointer("records", records),
        paging=_paging(_merged(table, values, "paging")),
        total=_total(_merged(table, values, "total")),
        window=_window(_merged(table, values, "window"), default.window) if default.window else None,
        properties=dict(_properties(entity, table.table("properties"))),
    )
    if default.window is None and "window" in table:
        table.reject("window", f"is not possible: {entity} have no days of trade")
    table.reject_unknown_keys()
    return contract


def _merged(table: TomlTable, values: Mapping[str, Any], name: str) -> TomlTable:
    """Return the shared table, overridden by the table of the collection.

    Errors name the collection's table if it has any key, else the shared table.
    """
    own = table.table(name)
    shared = TomlTable(values.get(name, {}), (name,))
    merged = {key: values[name][key] for key in shared} | {key: own.get(key, None) for key in own}
    return TomlTable(merged, own.path if next(iter(own), None) else (name,))


def _paging(table: TomlTable) -> PagingContract:
    default = PagingContract()
    paging = PagingContract(
        style=table.choice("style", default.style, PAGING_STYLES),
        page_size=table.whole("page_size", default.page_size, 1, MAX_PAGE_SIZE),
        page_size_parameter=table.text("page_size_parameter", default.page_size_parameter),
        parameter=table.text("parameter", default.parameter),
        first_page=table.whole("first_page", default.first_page, 0, 1),
        next=table.pointer("next", default.next),
        next_may_be_absent=table.flag("next_may_be_absent", default=default.next_may_be_absent),
        more=table.pointer("more", default.more),
        end_statuses=table.wholes("end_statuses", default.end_statuses, 400, 499),
        conditional=table.choice("conditional", default.conditional, CONDITIONAL),
    )
    table.reject_unknown_keys()
    if paging.parameter and paging.parameter == paging.page_size_parameter:
        table.reject("parameter", "must differ from page_size_parameter")
    return paging


def _total(table: TomlTable) -> TotalContract:
    default = TotalContract()
    total = TotalContract(
        unit=table.choice("unit", default.unit, ("records", "pages", "none")),
        header=table.header("header", default.header),
        pointer=table.pointer("pointer", default.pointer),
    )
    table.reject_unknown_keys()
    return total


def _window(table: TomlTable, default: WindowContract) -> WindowContract:
    window = WindowContract(
        from_parameter=table.text("from_parameter", default.from_parameter),
        to_parameter=table.text("to_parameter", default.to_parameter),
        from_inclusive=table.flag("from_inclusive", default=default.from_inclusive),
        to_inclusive=table.flag("to_inclusive", default=default.to_inclusive),
    )
    table.reject_unknown_keys()
    return window


def _properties(entity: Entity, table: TomlTable) -> Iterator[tuple[str, PropertyContract]]:
    declared = dict(_declared(entity.properties))
    for path, source in declared.items():
        if path in table:
            yield path, _property(table, path, source)
    table.reject_keys_other_than(declared)
    _require_distinct(declared, table)


def _declared(properties: Iterable[Property], prefix: str = "") -> Iterator[tuple[str, Property]]:
    for each in properties:
        if each.kind is not Kind.ID or each.name != ID_PROPERTY:
            yield f"{prefix}{each.name}", each
        yield from _declared(each.properties, f"{prefix}{each.name}.")


def _property(table: TomlTable, path: str, source: Property) -> PropertyContract:
    value = table.get(path, "")
    given = TomlTable(value, (*table.path, path)) if isinstance(value, dict) else None
    names = given.get("names", source.name) if given else value
    names = (names,) if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not names or not all(map(_is_name, names)):
        table.reject(path, "must be a name, a list of names, or a table with `names`, `values` and `notation`")
    values = given.texts("values") if given else {}
    if given:
        if values and source.kind is not Kind.CHOICE:
            given.reject("values", "is only for a property whose values are listed")
        for sent, ours in values.items():
            if ours not in source.choices:
                given.table("values").reject(sent, f"must be one of {', '.join(source.choices)}")
    notation = _notation(given, source) if given else None
    if given:
        given.reject_unknown_keys()
    return PropertyContract(tuple(names), values, notation)


def _notation(given: TomlTable, source: Property) -> Notation | None:
    """Return the notation of a date or a decimal."""
    known = {Kind.DATE: DATE_NOTATIONS, Kind.DECIMAL: DECIMAL_NOTATIONS}.get(source.kind, ())
    name = given.text("notation", "")
    if name and not known:
        given.reject("notation", "is only for a date or a decimal")
    if name not in ("", *known):
        given.reject("notation", f"must be one of {', '.join(known)}")
    time_zone = given.text("time_zone", "UTC")
    if "time_zone" in given and name not in NOTATIONS_OF_INSTANTS:
        given.reject("time_zone", f"is only for the notations {', '.join(NOTATIONS_OF_INSTANTS)}")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        given.reject("time_zone", 'must be a time zone, such as "Africa/Johannesburg"')
    return Notation(name, time_zone) if name else None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z_$@][A-Za-z0-9_$@-]{0,63}", name) is not None


def _require_distinct(declared: Mapping[str, Property], table: TomlTable) -> None:
    """Raise an InvalidKeyError if two properties of one object have the same name."""
    taken: dict[tuple[str, str], str] = {}
    for path in declared:
        parent, _, name = path.rpartition(".")
        value = table.get(path, name)
        names = value.get("names", name) if isinstance(value, dict) else value
        for each in [names] if isinstance(names, str) else names:
            other = taken.setdefault((parent, each.lower()), path)
            if other != path:
                table.reject(path if path in table else other, f"{each} is the name of {other} and of {path}")
