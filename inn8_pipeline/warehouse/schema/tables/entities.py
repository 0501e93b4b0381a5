"""The tables of entities and dimensions, and of the past versions of their rows, built from their declarations."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from inn8_pipeline.entities import (
    DAY_COLUMN,
    ENTITIES,
    Column,
    Dimension,
    Entity,
    TableColumn,
    table_columns,
)
from inn8_pipeline.warehouse.schema.comments import ENDED
from inn8_pipeline.warehouse.schema.tables.shared import (
    HISTORY_SCHEMA,
    SCHEMA,
    TENANT,
    metadata,
    reference,
    type_of_instant,
    type_of_key,
)

_TYPES: dict[str, TypeEngine[Any]] = {
    "bigint": BigInteger(),
    "text": Text(),
    "date": Date(),
    "numeric(38, 10)": Numeric(38, 10),
    "timestamptz": type_of_instant,
    "bytea": LargeBinary(),
}
_WRITTEN = {"created_at", "updated_at", "valid_from"}
FILL_FACTOR = 90
"""The percentage of a page that new rows fill, so that a new version of a row fits beside the old one."""


def table_of(declared: Entity | Dimension) -> Table:
    """Return the table of an entity or a dimension. The first call builds it from the declaration."""
    known = metadata.tables.get(f"{SCHEMA}.{declared.name}")
    return _build(declared) if known is None else known


def business_tables() -> dict[str, Table]:
    """Return the tables of all entities and dimensions by name, each after the tables that it refers to."""
    declared = [each for entity in ENTITIES for each in entity.declarations]
    return {each.name: table_of(each) for each in declared}


def _build(declared: Entity | Dimension) -> Table:
    name = declared.name
    references = [each for each in declared.columns if not isinstance(each, Column)]
    _build_history(declared)
    return Table(
        name,
        metadata,
        *(_column(each) for each in table_columns(declared)),
        PrimaryKeyConstraint(TENANT, "id", name=f"{name}_pkey"),
        UniqueConstraint(TENANT, "external_id", name=f"{name}_external_id_key"),
        *(reference(name, each.name, each.parent.name) for each in references),
        *(_indexes(declared) if isinstance(declared, Entity) else ()),
        schema=SCHEMA,
        comment=declared.description,
        postgresql_with={"fillfactor": FILL_FACTOR},
    )


def _column(column: TableColumn) -> SchemaItem:
    if column.name == "id":
        return SqlColumn("id", BigInteger, Identity(always=True), nullable=False, comment=column.comment)
    default = func.now() if column.name in _WRITTEN else None
    return _plain_column(column, default)


def _plain_column(column: TableColumn, default: Any = None) -> SchemaItem:  # noqa: ANN401 (what SQLAlchemy takes)
    kind = type_of_key if column.name in {TENANT, "external_id"} else _TYPES[column.type]
    return SqlColumn(column.name, kind, nullable=column.is_nullable, server_default=default, comment=column.comment)


def history_of(declared: Entity | Dimension) -> Table:
    """Return the table of the past versions of an entity's or a dimension's rows."""
    table_of(declared)
    return metadata.tables[f"{HISTORY_SCHEMA}.{declared.name}"]


def _build_history(declared: Entity | Dimension) -> None:
    """Build the table of past versions: the columns of the rows, and how each version ended.

    Its indexes find a row, or the rows of a parent, at an instant. It has no foreign keys, because rows may be deleted.
    """
    name = declared.name
    Table(
        name,
        metadata,
        *(_plain_column(each) for each in table_columns(declared)),
        SqlColumn("valid_to", type_of_instant, nullable=False, comment=ENDED["valid_to"]),
        SqlColumn("reason", Text, nullable=False, comment=ENDED["reason"]),
        SqlColumn("ended_by_landing_id", BigInteger, comment=ENDED["ended_by_landing_id"]),
        SqlColumn("ended_by_run_id", Text, comment=ENDED["ended_by_run_id"]),
        PrimaryKeyConstraint(TENANT, "id", "valid_to", name=f"{name}_pkey"),
        Index(f"{name}_external_id_idx", TENANT, "external_id", "valid_to"),
        *(
            Index(f"{name}_{each.name}_idx", TENANT, each.name, "valid_to")
            for each in (declared.references if isinstance(declared, Entity) else ())
        ),
        Index(f"{name}_valid_to_idx", TENANT, "valid_to"),
        schema=HISTORY_SCHEMA,
        comment=f"A row is a past version of a row of {SCHEMA}.{name}, and how it ended.",
    )


ENDED_COLUMNS = tuple(ENDED)


def _indexes(entity: Entity) -> Iterator[SchemaItem]:
    """Yield the indexes of an entity's table: by parent, by day of trade, and of the missing rows.

    Every sync looks for rows that are missing but not removed yet, and there are few of them.
    """
    for each in entity.references:
        days = [DAY_COLUMN] if entity.has_days else []
        yield Index(f"{entity}_{each.name}_idx", TENANT, each.name, *days)
    if entity.has_days:
        yield Index(f"{entity}_{DAY_COLUMN}_idx", TENANT, DAY_COLUMN)
    waiting = text("missing_since is not null and removed_at is null")
    yield Index(f"{entity}_missing_idx", TENANT, "missing_since", postgresql_where=waiting)
