"""The tables of the landings: what was fetched, its pages, their groups, and what the next fetch needs of the last."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    func,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.dialects.postgresql import JSON

from inn8_pipeline.warehouse.schema.tables.shared import (
    RAW_SCHEMA,
    TENANT,
    identity_columns,
    pipeline_table,
    type_of_instant,
    type_of_key,
)

landings = pipeline_table(
    "landings",
    *identity_columns(),
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

pages = pipeline_table(
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

page_groups = pipeline_table(
    "page_groups",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("sha256", LargeBinary, nullable=False),
    SqlColumn("page_digests", ARRAY(LargeBinary), nullable=False),
    SqlColumn("created_at", type_of_instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint(TENANT, "sha256", name="page_groups_pkey"),
    schema=RAW_SCHEMA,
)

page_validators = pipeline_table(
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

last_fetches = pipeline_table(
    "last_fetches",
    SqlColumn(TENANT, type_of_key, nullable=False),
    SqlColumn("entity", type_of_key, nullable=False),
    SqlColumn("landing_id", BigInteger, nullable=False),
    SqlColumn("digests_sha256", LargeBinary, nullable=False),
    SqlColumn("responses", JSON, nullable=False),
    PrimaryKeyConstraint(TENANT, "entity", name="last_fetches_pkey"),
    ForeignKeyConstraint(
        [TENANT, "landing_id"],
        [landings.c[TENANT], landings.c.id],
        name="last_fetches_landing_fkey",
        ondelete="CASCADE",
    ),
    Index("last_fetches_landing_idx", TENANT, "landing_id"),
    schema=RAW_SCHEMA,
)
