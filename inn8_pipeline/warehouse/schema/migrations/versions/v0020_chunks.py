"""Landings refer to groups of chunks, so that only what is new is stored. Landings of whole pages stay as they are."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

VISIBLE = """
  (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
  or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
"""


def upgrade() -> None:
    """Create the table with its rights, add the column, and replace the views; their owners and rights stay."""
    op.create_table(
        "page_groups",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("page_digests", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("tenant_id", "sha256", name="page_groups_pkey"),
        schema="inn8_raw",
    )
    for statement in (
        # Digests cannot be compressed.
        "alter table inn8_raw.page_groups alter column page_digests set storage external",
        "alter table inn8_raw.page_groups enable row level security",
        "create policy writer on inn8_raw.page_groups to inn8_writer using (true) with check (true)",
        f"create policy views on inn8_raw.page_groups for select to inn8_views using ({VISIBLE})",
        "grant select, insert, delete on inn8_raw.page_groups to inn8_writer",
        "grant select on inn8_raw.page_groups to inn8_views",
        "alter table inn8_raw.landings add column page_count integer",
    ):
        op.execute(statement)
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
