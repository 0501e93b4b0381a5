"""Locks are rows that only the pipeline can lock; before, they were advisory locks, which any login could take.

The function of the raw views no longer depends on the session's `search_path`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Wait until no transaction of the earlier release goes on, then create the table and its rights."""
    # Each transaction that merges, prunes or erases has read the version. Its advisory lock would not stop a new one.
    op.execute("lock table inn8.schema_version in access exclusive mode")
    op.create_table(
        "locks",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="locks_pkey"),
        schema="inn8",
    )
    for statement in (
        "alter table inn8.locks enable row level security",
        "create policy writer on inn8.locks to inn8_writer using (true) with check (true)",
        # `for update` and `for share` need the right to update.
        "grant select, insert, update, delete on inn8.locks to inn8_writer",
        "alter function inn8_raw.property(json, text) set search_path = pg_catalog, pg_temp",
    ):
        op.execute(statement)
