"""Which entities are paused, for readers: a table that the pipeline keeps like the pauses in Dagster's storage."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

VISIBLE = """
  (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
  or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
"""
PAUSED = """
create view inn8.paused_entities as
select tenant_id, entity, paused_at, paused_by, reason from inn8.pauses
"""


def upgrade() -> None:
    """Create the table with its rights, then the view. The sensor `watch_freshness` fills it."""
    op.create_table(
        "pauses",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "entity", name="pauses_pkey"),
        schema="inn8",
    )
    for statement in (
        "alter table inn8.pauses enable row level security",
        "create policy writer on inn8.pauses to inn8_writer using (true) with check (true)",
        f"create policy views on inn8.pauses for select to inn8_views using ({VISIBLE})",
        "grant select, insert, update, delete on inn8.pauses to inn8_writer",
        "grant select on inn8.pauses to inn8_views",
        PAUSED,
        "grant create on schema inn8 to inn8_views",
        "alter view inn8.paused_entities owner to inn8_views",
        "revoke create on schema inn8 from inn8_views",
        "grant select on inn8.paused_entities to inn8_writer, inn8_reader",
    ):
        op.execute(statement)
