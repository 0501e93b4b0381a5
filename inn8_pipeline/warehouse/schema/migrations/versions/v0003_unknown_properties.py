"""Create the table of the properties that INN8 sends and no column is made from, with the first fetch of each."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "unknown_properties",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "name", name="unknown_properties_pkey"),
        schema="inn8",
    )
