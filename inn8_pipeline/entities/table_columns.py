"""The columns of an entity's table: those made from INN8's properties, and our own beside them.

Tables, the merge, the catalog, the lineage and the data dictionary are all made from `table_columns`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from inn8_pipeline.entities.types import (
    DAY_PROPERTY,
    ID_PROPERTY,
    AnyColumn,
    Column,
    Dimension,
    Entity,
    Kind,
)

KEY_TYPE = "bigint"
MONEY_TYPE = "numeric(38, 10)"
INSTANT_TYPE = "timestamptz"
DIGEST_TYPE = "bytea"

TECHNICAL = {
    "id": "Our own key, unique within the tenant; other tables refer to it.",
    "tenant_id": "The tenant whose data this is: the first column of every key.",
    "external_id": "INN8's id, exactly as sent; unique within the tenant.",
    "created_at": "When the row was first written (UTC).",
    "updated_at": "When the row last changed (UTC); a sync that finds it unchanged does not touch it.",
    "as_of_at": "Start of the fetch that sent this version; while the row is missing, of the last that contained it.",
    "missing_since": "Start of the first complete fetch that lacked the row; null if present.",
    "hidden_since": (
        "Start of the fetch whose record of the row is invalid and names another owner, or none that can be read; the "
        "details views leave the row out until its record is valid again or names its owner."
    ),
    "removed_at": "When a second complete fetch, begun later, lacked the row too; null if present or returned.",
    "landing_id": "The landing that last changed the row; null if it was changed by hand or before schema 0009.",
    "valid_from": (
        "Since when the row has these values: the start of the fetch that changed it, or the time of its merge if a "
        "fetch begun later had already changed the tenant's tables."
    ),
    "record_digest": (
        "Digest of the record that the row was made from, and the version of the transform: a tick does not read the "
        "same record again. Null if the row was written before schema 0015 or by hand, or has an unknown value."
    ),
}
"""Descriptions of our own columns, which all tables share."""

AS_OF_DATE = "The newest trade date whose transaction gave these attributes; older days do not change them."


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: its type as Postgres spells it, its description, and the source of its values.

    `source_paths` are the properties of the record that it is made from; `parent` is the table whose `id` it holds.
    """

    name: str
    type: str
    comment: str
    is_nullable: bool = False
    source_paths: tuple[str, ...] = ()
    parent: str | None = None
    is_personal: bool = False


def table_columns(declared: Entity | Dimension) -> tuple[TableColumn, ...]:
    """Return the columns of the table, in order."""
    return tuple(_columns(declared))


def value_columns(declared: Entity | Dimension) -> tuple[str, ...]:
    """Return the columns whose values INN8 decides: compared by the merge, and written where they differ."""
    return tuple(column.name for column in declared.columns)


def _columns(declared: Entity | Dimension) -> Iterator[TableColumn]:
    path = _path_to(declared)
    yield _technical("id", KEY_TYPE)
    yield _technical("tenant_id", "text")
    yield TableColumn("external_id", "text", TECHNICAL["external_id"], source_paths=(f"{path}{ID_PROPERTY}",))
    for column in declared.columns:
        yield _declared(column, path)
    if isinstance(declared, Dimension):
        yield TableColumn("as_of_date", "date", AS_OF_DATE, source_paths=(DAY_PROPERTY,))
        yield _technical("as_of_at", INSTANT_TYPE)
    else:
        yield _technical("as_of_at", INSTANT_TYPE)
        yield _technical("missing_since", INSTANT_TYPE, is_nullable=True)
        yield _technical("removed_at", INSTANT_TYPE, is_nullable=True)
        if declared.references:
            yield _technical("hidden_since", INSTANT_TYPE, is_nullable=True)
    yield _technical("created_at", INSTANT_TYPE)
    yield _technical("updated_at", INSTANT_TYPE)
    yield _technical("landing_id", KEY_TYPE, is_nullable=True)
    yield _technical("valid_from", INSTANT_TYPE)
    if isinstance(declared, Entity):
        yield _technical("record_digest", DIGEST_TYPE, is_nullable=True)


def _technical(name: str, kind: str, *, is_nullable: bool = False) -> TableColumn:
    return TableColumn(name, kind, TECHNICAL[name], is_nullable)


def _declared(column: AnyColumn, path: str) -> TableColumn:
    if isinstance(column, Column):
        return TableColumn(
            column.name,
            _type_of(column.source.kind),
            column.comment,
            column.is_nullable,
            tuple(f"{path}{each}" for each in column.source_paths),
            is_personal=column.is_personal,
        )
    return TableColumn(
        column.name, KEY_TYPE, column.comment, column.is_nullable, column.source_paths, parent=column.parent.name
    )


def _type_of(kind: Kind) -> str:
    match kind:
        case Kind.ID | Kind.TEXT | Kind.CHOICE | Kind.OBJECT:
            return "text"
        case Kind.DATE:
            return "date"
        case Kind.DECIMAL:
            return MONEY_TYPE
        case _:
            assert_never(kind)


def _path_to(declared: Entity | Dimension) -> str:
    """Return the path of a dimension's object within the record (`security.`)."""
    return f"{declared.source}." if isinstance(declared, Dimension) else ""
