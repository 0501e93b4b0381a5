"""The tables as SQLAlchemy metadata: types, keys, indexes and comments.

The tables of entities are built from their declarations; the pipeline's own tables are written out. The migrations
create the tables, and a test compares both. Every key begins with the tenant, including foreign keys, so that no row
can refer to a row of another tenant.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
    true,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.dialects.postgresql import JSON
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
from inn8_pipeline.warehouse.schema.comments import ENDED, SYNC_LOG_COUNTS, TABLES, describe

SCHEMA = "inn8"
RAW_SCHEMA = "inn8_raw"
HISTORY_SCHEMA = "inn8_history"
TENANT = "tenant_id"

metadata = MetaData()

type_of_key = Text(collation="C")  # compared byte by byte: INN8's ids have no language, and an index on them is quicker
type_of_instant = DateTime(timezone=True)


def _table(name: str, *items: SchemaItem, schema: str = SCHEMA) -> Table:
    """Return a table of the pipeline with the comments of `schema.comments`."""
    for item in items:
        if isinstance(item, SqlColumn):
            item.comment = describe(name, item.name)
    return Table(name, metadata, *items, schema=schema, comment=TABLES[name])


def _identity() -> list[SchemaItem]:
    return [
        SqlColumn("id", BigInteger, Identity(always=True), nullable=False),
        SqlColumn(TENANT, type_of_key, nullable=False),
    ]


def _written() -> list[SchemaItem]:
    return [
        SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
        SqlColumn("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    ]


def _as_of() -> SchemaItem:
    return SqlColumn("as_of_at", type_of_instant, nullable=False)


def _reference(name: str, column: str, parent: str, schema: str = SCHEMA) -> SchemaItem:
    return ForeignKeyConstraint(
        [TENANT, column], [f"{schema}.{parent}.{TENANT}", f"{schema}.{parent}.id"], name=f"{name}_{column}_fkey"
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
        *(_reference(name, each.name, each.parent.name) for each in references),
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


rejected_records = _table(
    "rejected_records",
    *_identity(),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("record_key", type_of_key, nullable=False),
    SqlColumn("external_id", type_of_key),
    SqlColumn("trade_date", Date),
    SqlColumn("reason_code", Text, nullable=False),
    SqlColumn("reason", Text, nullable=False),
    SqlColumn("payload", JSON, nullable=False),
    SqlColumn("landing_id", BigInteger, nullable=False),
    _as_of(),
    SqlColumn("covers_from", Date),
    SqlColumn("covers_to", Date),
    SqlColumn("row_as_of_at", type_of_instant),
    SqlColumn("first_seen_at", type_of_instant, nullable=False),
    SqlColumn("last_seen_at", type_of_instant, nullable=False),
    SqlColumn("attempts", Integer, nullable=False, server_default=text("1")),
    SqlColumn("resolved_at", type_of_instant),
    SqlColumn("resolution", Text),
    SqlColumn("accepted_at", type_of_instant),
    SqlColumn("accepted_note", Text),
    SqlColumn("unknown_parent_id", type_of_key),
    *_written(),
    PrimaryKeyConstraint(TENANT, "id", name="rejected_records_pkey"),
    Index(
        "rejected_records_open_idx",
        TENANT,
        "entity",
        "record_key",
        unique=True,
        postgresql_where=text("resolved_at is null"),
    ),
)

sync_coverage = _table(
    "sync_coverage",
    *_identity(),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("trade_date", Date),
    SqlColumn("landing_id", BigInteger, nullable=False),
    *_written(),
    PrimaryKeyConstraint(TENANT, "id", name="sync_coverage_pkey"),
    UniqueConstraint(
        TENANT, "entity", "trade_date", name="sync_coverage_trade_date_key", postgresql_nulls_not_distinct=True
    ),
    _reference("sync_coverage", "landing_id", "landings", RAW_SCHEMA),
    Index("sync_coverage_landing_id_idx", TENANT, "landing_id"),
)

unconfirmed_rows = _table(
    "unconfirmed_rows",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("row_id", BigInteger, nullable=False),
    SqlColumn("reason", Text, nullable=False),
    SqlColumn("confirmed_at", type_of_instant, nullable=False),
    SqlColumn("lacking_since", type_of_instant, nullable=False),
    PrimaryKeyConstraint(TENANT, "entity", "row_id", name="unconfirmed_rows_pkey"),
)

sync_log_entries = _table(
    "sync_log_entries",
    *_identity(),
    SqlColumn("run_id", type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("from_date", Date),
    SqlColumn("to_date", Date),
    SqlColumn("trigger", Text),
    SqlColumn("status", Text, nullable=False),
    SqlColumn("needs_action", Boolean, nullable=False),
    SqlColumn("started_at", type_of_instant, nullable=False),
    SqlColumn("ended_at", type_of_instant),
    *(SqlColumn(name, BigInteger) for name in SYNC_LOG_COUNTS),
    SqlColumn("bytes", BigInteger),
    SqlColumn("retries", Integer),
    SqlColumn("waits", Integer),
    SqlColumn("landing_id", BigInteger),
    SqlColumn("message", Text, nullable=False),
    SqlColumn("waited_seconds", Integer),
    SqlColumn("merged_at", ARRAY(type_of_instant)),
    SqlColumn("repaired", BigInteger),
    SqlColumn("unchanged_pages", Integer),
    *_written(),
    PrimaryKeyConstraint(TENANT, "id", name="sync_log_entries_pkey"),
    UniqueConstraint(
        TENANT, "run_id", "entity", "from_date", "to_date",
        name="sync_log_entries_run_id_key", postgresql_nulls_not_distinct=True,
    ),
    Index("sync_log_entries_started_at_idx", TENANT, "started_at"),
)  # fmt: skip

pauses = _table(
    "pauses",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("paused_at", type_of_instant, nullable=False),
    SqlColumn("paused_by", Text, nullable=False),
    SqlColumn("reason", Text, nullable=False),
    PrimaryKeyConstraint(TENANT, "entity", name="pauses_pkey"),
)

circuits = _table(
    "circuits",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("circuit", Text, nullable=False),
    SqlColumn("failures", Integer, nullable=False),
    SqlColumn("opened_until", type_of_instant),
    SqlColumn("trial_until", type_of_instant),
    SqlColumn("last_failure", Text),
    SqlColumn("last_failed_at", type_of_instant),
    SqlColumn("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, "circuit", name="circuits_pkey"),
)

request_budgets = _table(
    "request_budgets",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("full_at", type_of_instant, nullable=False),
    SqlColumn("remaining", Integer),
    SqlColumn("resets_at", type_of_instant),
    SqlColumn("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, name="request_budgets_pkey"),
)

unknown_properties = _table(
    "unknown_properties",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("name", type_of_key, nullable=False),
    SqlColumn("first_seen_at", type_of_instant, nullable=False),
    SqlColumn("last_seen_at", type_of_instant, nullable=False),
    SqlColumn("accepted_at", type_of_instant),
    SqlColumn("accepted_note", Text),
    PrimaryKeyConstraint(TENANT, "entity", "name", name="unknown_properties_pkey"),
)

locks = _table(
    "locks",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("name", type_of_key, nullable=False),
    PrimaryKeyConstraint(TENANT, "name", name="locks_pkey"),
)

tenant_readers = _table(
    "tenant_readers",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("role_name", type_of_key, nullable=False),
    SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
    SqlColumn("has_contact_data", Boolean, nullable=False, server_default=true()),
    PrimaryKeyConstraint(TENANT, "role_name", name="tenant_readers_pkey"),
)

landings = _table(
    "landings",
    *_identity(),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("from_date", Date),
    SqlColumn("to_date", Date),
    SqlColumn("run_id", Text, nullable=False),
    SqlColumn("started_at", type_of_instant, nullable=False, server_default=func.clock_timestamp()),
    SqlColumn("completed_at", type_of_instant),
    SqlColumn("page_digests", ARRAY(LargeBinary)),
    SqlColumn("record_count", BigInteger),
    SqlColumn("byte_count", BigInteger),
    SqlColumn("retry_count", Integer),
    SqlColumn("has_duplicates", Boolean),
    SqlColumn("transform_version", Integer),
    SqlColumn("status", Text),
    SqlColumn("counts", JSON),
    SqlColumn("absence_counts", Boolean),
    SqlColumn("is_held_back", Boolean),
    SqlColumn("is_repeatable", Boolean),
    SqlColumn("as_of_at", type_of_instant),
    SqlColumn("merged_at", type_of_instant),
    SqlColumn("repeats_id", BigInteger),
    SqlColumn("unreadable_since", type_of_instant),
    SqlColumn("changed_at", type_of_instant),
    SqlColumn("waited_seconds", Integer),
    SqlColumn("unproven_end", Text),
    SqlColumn("unchanged_pages", Integer),
    SqlColumn("page_count", Integer),
    PrimaryKeyConstraint(TENANT, "id", name="landings_pkey"),
    Index("landings_entity_idx", TENANT, "entity", "started_at"),
    schema=RAW_SCHEMA,
)

pages = _table(
    "pages",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("sha256", LargeBinary, nullable=False),
    SqlColumn("body", JSON, nullable=False),
    SqlColumn("record_count", Integer, nullable=False),
    SqlColumn("byte_count", BigInteger, nullable=False),
    SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
    SqlColumn("record_digests", LargeBinary),
    PrimaryKeyConstraint(TENANT, "sha256", name="pages_pkey"),
    schema=RAW_SCHEMA,
)

page_groups = _table(
    "page_groups",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("sha256", LargeBinary, nullable=False),
    SqlColumn("page_digests", ARRAY(LargeBinary), nullable=False),
    SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, "sha256", name="page_groups_pkey"),
    schema=RAW_SCHEMA,
)

page_validators = _table(
    "page_validators",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("request_key", LargeBinary, nullable=False),
    SqlColumn("validator", Text),
    SqlColumn("sha256", LargeBinary),
    SqlColumn("facts", JSON),
    SqlColumn("is_end", Boolean, nullable=False),
    SqlColumn("fetched_at", type_of_instant, nullable=False),
    PrimaryKeyConstraint(TENANT, "entity", "request_key", name="page_validators_pkey"),
    schema=RAW_SCHEMA,
)

business_tables()
