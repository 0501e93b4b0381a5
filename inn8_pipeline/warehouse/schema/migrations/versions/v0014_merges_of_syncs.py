"""The sync log says when the merges of a sync began, which is when the rows that it inserted were created."""

from alembic import op

revision = "0014"
down_revision = "0013"

SYNC_LOG = """
create or replace view inn8.sync_log as
select tenant_id, id, run_id, entity, from_date, to_date, trigger, status, needs_action, started_at, ended_at,
       fetched, retried, inserted, updated, unchanged, duplicate, rejected, skipped, missing, removed, held_back,
       bytes, retries, waits, landing_id, message, waited_seconds, merged_at
  from inn8.sync_log_entries
"""


def upgrade() -> None:
    """Add the column, and replace the view; its owner and rights stay."""
    op.execute("alter table inn8.sync_log_entries add column merged_at timestamptz[]")
    op.execute(SYNC_LOG)
