"""The request budget of each tenant, and the seconds that the requests of a fetch waited for it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

SYNC_LOG = """
create or replace view inn8.sync_log as
select tenant_id, id, run_id, entity, from_date, to_date, trigger, status, needs_action, started_at, ended_at,
       fetched, retried, inserted, updated, unchanged, duplicate, rejected, skipped, missing, removed, held_back,
       bytes, retries, waits, landing_id, message, waited_seconds
  from inn8.sync_log_entries
"""


def upgrade() -> None:
    """Create the table with its rights, add the columns, and replace the view; its owner and rights stay."""
    op.create_table(
        "request_budgets",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remaining", sa.Integer()),
        sa.Column("resets_at", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="request_budgets_pkey"),
        schema="inn8",
    )
    op.add_column("landings", sa.Column("waited_seconds", sa.Integer()), schema="inn8_raw")
    op.add_column("sync_log_entries", sa.Column("waited_seconds", sa.Integer()), schema="inn8")
    for statement in (
        "alter table inn8.request_budgets enable row level security",
        "create policy writer on inn8.request_budgets to inn8_writer using (true) with check (true)",
        "grant select, insert, update on inn8.request_budgets to inn8_writer",
        SYNC_LOG,
    ):
        op.execute(statement)
