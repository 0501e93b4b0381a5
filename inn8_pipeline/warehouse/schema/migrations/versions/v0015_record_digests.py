"""The digest of the record that each row of an entity was made from, and what syncs know with and without it.

The sync log has the number of rows that a sync repaired, and each reject the id of the parent that it waits for.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

SYNC_LOG = """
create or replace view inn8.sync_log as
select tenant_id, id, run_id, entity, from_date, to_date, trigger, status, needs_action, started_at, ended_at,
       fetched, retried, inserted, updated, unchanged, duplicate, rejected, skipped, missing, removed, held_back,
       bytes, retries, waits, landing_id, message, waited_seconds, merged_at, repaired
  from inn8.sync_log_entries
"""


def upgrade() -> None:
    """Add the columns, which are null until a sync reads a record again; the view's owner and rights stay."""
    for table in ("clients", "portfolios", "transactions"):
        for schema in ("inn8", "inn8_history"):
            op.add_column(table, sa.Column("record_digest", sa.LargeBinary()), schema=schema)
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    op.add_column("sync_log_entries", sa.Column("repaired", sa.BigInteger()), schema="inn8")
    op.execute(SYNC_LOG)
    op.add_column("rejected_records", sa.Column("unknown_parent_id", sa.Text(collation="C")), schema="inn8")
