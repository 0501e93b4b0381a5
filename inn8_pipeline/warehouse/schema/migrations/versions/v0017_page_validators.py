"""The validators of pages, for conditional requests, and the number of pages that INN8 did not send again."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

SYNC_LOG = """
create or replace view inn8.sync_log as
select tenant_id, id, run_id, entity, from_date, to_date, trigger, status, needs_action, started_at, ended_at,
       fetched, retried, inserted, updated, unchanged, duplicate, rejected, skipped, missing, removed, held_back,
       bytes, retries, waits, landing_id, message, waited_seconds, merged_at, repaired, unchanged_pages
  from inn8.sync_log_entries
"""


def upgrade() -> None:
    """Create the table with its rights, add the columns, and replace the view; its owner and rights stay."""
    op.create_table(
        "page_validators",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("request_key", sa.LargeBinary(), nullable=False),
        sa.Column("validator", sa.Text()),
        sa.Column("sha256", sa.LargeBinary()),
        sa.Column("facts", sa.JSON()),
        sa.Column("is_end", sa.Boolean(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "request_key", name="page_validators_pkey"),
        schema="inn8_raw",
    )
    for statement in (
        "alter table inn8_raw.page_validators enable row level security",
        "create policy writer on inn8_raw.page_validators to inn8_writer using (true) with check (true)",
        "grant select, insert, delete on inn8_raw.page_validators to inn8_writer",
        "alter table inn8_raw.landings add column unchanged_pages integer",
        "alter table inn8.sync_log_entries add column unchanged_pages integer",
        SYNC_LOG,
    ):
        op.execute(statement)
