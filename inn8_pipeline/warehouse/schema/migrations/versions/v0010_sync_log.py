"""The sync log: a table with a row for each sync of an entity, and the view that readers use, `inn8.sync_log`."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

VISIBLE = """
  (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
  or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
"""
COUNTS = ("fetched", "retried", "inserted", "updated", "unchanged", "duplicate", "rejected", "skipped")
TOTALS = ("missing", "removed", "held_back")
SYNC_LOG = """
create view inn8.sync_log as
select tenant_id, id, run_id, entity, from_date, to_date, trigger, status, needs_action, started_at, ended_at,
       fetched, retried, inserted, updated, unchanged, duplicate, rejected, skipped, missing, removed, held_back,
       bytes, retries, waits, landing_id, message
  from inn8.sync_log_entries
"""


def upgrade() -> None:
    """Make the table, its index and its rights, then the view."""
    op.create_table(
        "sync_log_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("run_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("from_date", sa.Date()),
        sa.Column("to_date", sa.Date()),
        sa.Column("trigger", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("needs_action", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        *(sa.Column(name, sa.BigInteger()) for name in (*COUNTS, *TOTALS)),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("retries", sa.Integer()),
        sa.Column("waits", sa.Integer()),
        sa.Column("landing_id", sa.BigInteger()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="sync_log_entries_pkey"),
        sa.UniqueConstraint(
            "tenant_id", "run_id", "entity", "from_date", "to_date",
            name="sync_log_entries_run_id_key", postgresql_nulls_not_distinct=True,
        ),
        schema="inn8",
    )  # fmt: skip
    op.create_index("sync_log_entries_started_at_idx", "sync_log_entries", ["tenant_id", "started_at"], schema="inn8")
    for statement in (
        "alter table inn8.sync_log_entries enable row level security",
        "create policy writer on inn8.sync_log_entries to inn8_writer using (true) with check (true)",
        f"create policy views on inn8.sync_log_entries for select to inn8_views using ({VISIBLE})",
        "grant select, insert, update on inn8.sync_log_entries to inn8_writer",
        "grant select on inn8.sync_log_entries to inn8_views",
        SYNC_LOG,
        "grant create on schema inn8 to inn8_views",
        "alter view inn8.sync_log owner to inn8_views",
        "revoke create on schema inn8 from inn8_views",
        "grant select on inn8.sync_log to inn8_writer, inn8_reader",
    ):
        op.execute(statement)
