"""All tables as SQLAlchemy metadata: types, keys, indexes and comments.

The tables of entities are built from their declarations; the pipeline's own tables are written out. The migrations
create the tables, and a test compares both. Every key begins with the tenant, including foreign keys, so that no row
can refer to a row of another tenant.
"""

from inn8_pipeline.warehouse.schema.tables.entities import (
    ENDED_COLUMNS,
    FILL_FACTOR,
    business_tables,
    history_of,
    table_of,
)
from inn8_pipeline.warehouse.schema.tables.pipeline import (
    circuits,
    locks,
    pauses,
    rejected_records,
    request_budgets,
    sync_coverage,
    sync_log_entries,
    tenant_readers,
    unconfirmed_rows,
    unknown_properties,
)
from inn8_pipeline.warehouse.schema.tables.raw import landings, last_fetches, page_groups, page_validators, pages
from inn8_pipeline.warehouse.schema.tables.shared import HISTORY_SCHEMA, RAW_SCHEMA, SCHEMA, TENANT, metadata

__all__ = [
    "ENDED_COLUMNS",
    "FILL_FACTOR",
    "HISTORY_SCHEMA",
    "RAW_SCHEMA",
    "SCHEMA",
    "TENANT",
    "business_tables",
    "circuits",
    "history_of",
    "landings",
    "last_fetches",
    "locks",
    "metadata",
    "page_groups",
    "page_validators",
    "pages",
    "pauses",
    "rejected_records",
    "request_budgets",
    "sync_coverage",
    "sync_log_entries",
    "table_of",
    "tenant_readers",
    "unconfirmed_rows",
    "unknown_properties",
]

business_tables()
