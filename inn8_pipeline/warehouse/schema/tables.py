"""The tables, as SQLAlchemy sees them: types, keys and indexes; the sentences come from `dictionary`.

Here belongs what code reads of a table. What creates it is the migrations; a test holds the two against each other.
Every key begins with the tenant, foreign ones too, so that no row can point into another tenant's data.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
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
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.schema import SchemaItem

from inn8_pipeline.dictionary import TABLES, describe

SCHEMA = "inn8"
RAW_SCHEMA = "inn8_raw"
TENANT = "tenant_id"

metadata = MetaData()

type_of_key = Text(collation="C")  # compared byte by byte: INN8's ids have no language, and an index on them is quicker
type_of_money = Numeric(38, 10)
type_of_instant = DateTime(timezone=True)


def _table(name: str, *items: SchemaItem, schema: str = SCHEMA) -> Table:
    """A table with the comments that the dictionary has for it and its columns."""
    for item in items:
        if isinstance(item, Column):
            item.comment = describe(name, item.name)
    return Table(name, metadata, *items, schema=schema, comment=TABLES[name])


def _identity() -> list[SchemaItem]:
    return [
        Column("id", BigInteger, Identity(always=True), nullable=False),
        Column(TENANT, type_of_key, nullable=False),
    ]


def _written() -> list[SchemaItem]:
    return [
        Column("created_at", type_of_instant, nullable=False, server_default=func.now()),
        Column("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    ]


def _as_of() -> SchemaItem:
    return Column("as_of_at", type_of_instant, nullable=False)


def _presence() -> list[SchemaItem]:
    return [_as_of(), Column("missing_since", type_of_instant), Column("removed_at", type_of_instant)]


def _keys(name: str) -> list[SchemaItem]:
    return [
        PrimaryKeyConstraint(TENANT, "id", name=f"{name}_pkey"),
        UniqueConstraint(TENANT, "external_id", name=f"{name}_external_id_key"),
    ]


def _reference(name: str, column: str, parent: str, schema: str = SCHEMA) -> SchemaItem:
    return ForeignKeyConstraint(
        [TENANT, column], [f"{schema}.{parent}.{TENANT}", f"{schema}.{parent}.id"], name=f"{name}_{column}_fkey"
    )


def _waiting(name: str) -> SchemaItem:
    """Rows that wait for the second proof of their removal: few, and asked for by every sync."""
    waiting = text("missing_since is not null and removed_at is null")
    return Index(f"{name}_missing_idx", TENANT, "missing_since", postgresql_where=waiting)


clients = _table(
    "clients",
    *_identity(),
    Column("external_id", type_of_key, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("phone", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("status", Text, nullable=False),
    *_presence(),
    *_written(),
    *_keys("clients"),
    _waiting("clients"),
)

portfolios = _table(
    "portfolios",
    *_identity(),
    Column("external_id", type_of_key, nullable=False),
    Column("client_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("account_number", Text),
    Column("account_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    *_presence(),
    *_written(),
    *_keys("portfolios"),
    _reference("portfolios", "client_id", "clients"),
    Index("portfolios_client_id_idx", TENANT, "client_id"),
    _waiting("portfolios"),
)

securities = _table(
    "securities",
    *_identity(),
    Column("external_id", type_of_key, nullable=False),
    Column("symbol", Text),
    Column("name", Text),
    Column("isin", Text),
    Column("security_type", Text),
    Column("currency", Text),
    Column("as_of_date", Date, nullable=False),
    _as_of(),
    *_written(),
    *_keys("securities"),
)

transactions = _table(
    "transactions",
    *_identity(),
    Column("external_id", type_of_key, nullable=False),
    Column("portfolio_id", BigInteger, nullable=False),
    Column("security_id", BigInteger),
    Column("transaction_type", Text, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("settlement_date", Date),
    Column("quantity", type_of_money),
    Column("price", type_of_money),
    Column("amount", type_of_money),
    Column("fees", type_of_money),
    Column("currency", Text),
    Column("description", Text),
    *_presence(),
    *_written(),
    *_keys("transactions"),
    _reference("transactions", "portfolio_id", "portfolios"),
    _reference("transactions", "security_id", "securities"),
    Index("transactions_portfolio_id_idx", TENANT, "portfolio_id", "trade_date"),
    Index("transactions_trade_date_idx", TENANT, "trade_date"),
    _waiting("transactions"),
)

rejected_records = _table(
    "rejected_records",
    *_identity(),
    Column("entity", type_of_key, nullable=False),
    Column("record_key", type_of_key, nullable=False),
    Column("external_id", type_of_key),
    Column("trade_date", Date),
    Column("reason_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("landing_id", BigInteger, nullable=False),
    _as_of(),
    Column("covers_from", Date),
    Column("covers_to", Date),
    Column("row_as_of_at", type_of_instant),
    Column("first_seen_at", type_of_instant, nullable=False),
    Column("last_seen_at", type_of_instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    Column("resolved_at", type_of_instant),
    Column("resolution", Text),
    Column("accepted_at", type_of_instant),
    Column("accepted_note", Text),
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
    Column("entity", type_of_key, nullable=False),
    Column("trade_date", Date),
    Column("landing_id", BigInteger, nullable=False),
    *_written(),
    PrimaryKeyConstraint(TENANT, "id", name="sync_coverage_pkey"),
    UniqueConstraint(
        TENANT, "entity", "trade_date", name="sync_coverage_trade_date_key", postgresql_nulls_not_distinct=True
    ),
    _reference("sync_coverage", "landing_id", "landings", RAW_SCHEMA),
    Index("sync_coverage_landing_id_idx", TENANT, "landing_id"),
)

circuits = _table(
    "circuits",
    Column(TENANT, type_of_key, nullable=False),
    Column("circuit", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("opened_until", type_of_instant),
    Column("trial_until", type_of_instant),
    Column("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, "circuit", name="circuits_pkey"),
)

unknown_properties = _table(
    "unknown_properties",
    Column(TENANT, type_of_key, nullable=False),
    Column("entity", type_of_key, nullable=False),
    Column("name", type_of_key, nullable=False),
    Column("first_seen_at", type_of_instant, nullable=False),
    Column("last_seen_at", type_of_instant, nullable=False),
    Column("accepted_at", type_of_instant),
    Column("accepted_note", Text),
    PrimaryKeyConstraint(TENANT, "entity", "name", name="unknown_properties_pkey"),
)

tenant_readers = _table(
    "tenant_readers",
    Column(TENANT, type_of_key, nullable=False),
    Column("role_name", type_of_key, nullable=False),
    Column("created_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, "role_name", name="tenant_readers_pkey"),
)

landings = _table(
    "landings",
    *_identity(),
    Column("entity", type_of_key, nullable=False),
    Column("from_date", Date),
    Column("to_date", Date),
    Column("run_id", Text, nullable=False),
    Column("started_at", type_of_instant, nullable=False, server_default=func.clock_timestamp()),
    Column("completed_at", type_of_instant),
    Column("page_digests", ARRAY(LargeBinary)),
    Column("record_count", BigInteger),
    Column("byte_count", BigInteger),
    Column("retry_count", Integer),
    Column("has_duplicates", Boolean),
    Column("transform_version", Integer),
    Column("status", Text),
    Column("counts", JSON),
    Column("is_proof", Boolean),
    Column("is_held_back", Boolean),
    Column("is_repeatable", Boolean),
    Column("as_of_at", type_of_instant),
    Column("merged_at", type_of_instant),
    Column("repeats_id", BigInteger),
    PrimaryKeyConstraint(TENANT, "id", name="landings_pkey"),
    Index("landings_entity_idx", TENANT, "entity", "started_at"),
    schema=RAW_SCHEMA,
)

pages = _table(
    "pages",
    Column(TENANT, type_of_key, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", JSON, nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("created_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, "sha256", name="pages_pkey"),
    schema=RAW_SCHEMA,
)

BUSINESS_TABLES = {each.name: each for each in (clients, portfolios, securities, transactions)}
