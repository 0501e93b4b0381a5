"""Write a contract as a contract file that has every key."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from inn8_pipeline.contract.model import CollectionContract, Contract, PropertyContract
from inn8_pipeline.entities import NOTATIONS_OF_INSTANTS, Entity


def toml(contract: Contract, entities: Mapping[str, Entity]) -> str:
    """Return the TOML text. Parsing it returns an equal contract."""
    return "\n".join(_lines(contract, entities)) + "\n"


def _lines(contract: Contract, entities: Mapping[str, Entity]) -> Iterator[str]:
    yield "[token]"
    yield from _keys(asdict(contract.token))
    yield "\n[request]"
    yield f"headers = {_inline(contract.headers)}"
    yield f"parameters = {_inline(contract.parameters)}"
    for name, entity in entities.items():
        yield from _collection(name, contract.of(entity))


def _collection(name: str, collection: CollectionContract) -> Iterator[str]:
    yield f"\n[collections.{name}]"
    yield from _keys({"path": collection.path, "records": collection.records_pointer})
    tables = {"paging": asdict(collection.paging), "total": asdict(collection.total)}
    if collection.window:
        tables["window"] = asdict(collection.window)
    for table, values in tables.items():
        yield f"\n[collections.{name}.{table}]"
        yield from _keys(values)
    if collection.properties:
        yield f"\n[collections.{name}.properties]"
        yield from (f"{_text(path)} = {_property(each)}" for path, each in collection.properties.items())


def _property(found: PropertyContract) -> str:
    names = "[" + ", ".join(map(_text, found.names)) + "]"
    others = {"values": _inline(found.values)} if found.values else {}
    if found.notation:
        others["notation"] = _text(found.notation.name)
        if found.notation.name in NOTATIONS_OF_INSTANTS:
            others["time_zone"] = _text(found.notation.time_zone)
    table = ", ".join(f"{key} = {value}" for key, value in {"names": names, **others}.items())
    return f"{{ {table} }}" if others else names


def _keys(values: Mapping[str, object]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{name} = {_text(value)}"


def _inline(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_text(name)} = {_text(value)}" for name, value in values.items()) + "}"


def _text(value: object) -> str:
    """Return a string, number or boolean as TOML. TOML writes them like JSON, except for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
