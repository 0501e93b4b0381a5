"""The pipeline's own tables: rejects, watermarks, the sync log, pauses, circuits, budgets, locks and readers."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
    text,
    true,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.schema import SchemaItem

from inn8_pipeline.warehouse.schema.comments import SYNC_LOG_COUNTS
from inn8_pipeline.warehouse.schema.tables.shared import (
    RAW_SCHEMA,
    TENANT,
    identity_columns,
    pipeline_table,
    reference,
    type_of_instant,
    type_of_key,
)


def _written() -> list[SchemaItem]:
    return [
        SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
        SqlColumn("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    ]


def _as_of() -> SchemaItem:
    return SqlColumn("as_of_at", type_of_instant, nullable=False)


rejected_records = pipeline_table(
    "rejected_records",
    *identity_columns(),
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

sync_coverage = pipeline_table(
    "sync_coverage",
    *identity_columns(),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("trade_date", Date),
    SqlColumn("landing_id", BigInteger, nullable=False),
    *_written(),
    PrimaryKeyConstraint(TENANT, "id", name="sync_coverage_pkey"),
    UniqueConstraint(
        TENANT, "entity", "trade_date", name="sync_coverage_trade_date_key", postgresql_nulls_not_distinct=True
    ),
    reference("sync_coverage", "landing_id", "landings", RAW_SCHEMA),
    Index("sync_coverage_landing_id_idx", TENANT, "landing_id"),
)

unconfirmed_rows = pipeline_table(
    "unconfirmed_rows",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("row_id", BigInteger, nullable=False),
    SqlColumn("reason", Text, nullable=False),
    SqlColumn("confirmed_at", type_of_instant, nullable=False),
    SqlColumn("lacking_since", type_of_instant, nullable=False),
    PrimaryKeyConstraint(TENANT, "entity", "row_id", name="unconfirmed_rows_pkey"),
)

sync_log_entries = pipeline_table(
    "sync_log_entries",
    *identity_columns(),
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

pauses = pipeline_table(
    "pauses",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("paused_at", type_of_instant, nullable=False),
    SqlColumn("paused_by", Text, nullable=False),
    SqlColumn("reason", Text, nullable=False),
    PrimaryKeyConstraint(TENANT, "entity", name="pauses_pkey"),
)

circuits = pipeline_table(
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

request_budgets = pipeline_table(
    "request_budgets",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("full_at", type_of_instant, nullable=False),
    SqlColumn("remaining", Integer),
    SqlColumn("resets_at", type_of_instant),
    SqlColumn("updated_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, name="request_budgets_pkey"),
)

unknown_properties = pipeline_table(
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

locks = pipeline_table(
    "locks",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("name", type_of_key, nullable=False),
    PrimaryKeyConstraint(TENANT, "name", name="locks_pkey"),
)

tenant_readers = pipeline_table(
    "tenant_readers",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("role_name", type_of_key, nullable=False),
    SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
    SqlColumn("has_contact_data", Boolean, nullable=False, server_default=true()),
    PrimaryKeyConstraint(TENANT, "role_name", name="tenant_readers_pkey"),
)
