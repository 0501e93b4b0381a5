"""Each circuit remembers which request failed last, how and when, so that the message of an open one says so."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("circuits", sa.Column("last_failure", sa.Text(), nullable=True), schema="inn8")
    op.add_column("circuits", sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=True), schema="inn8")
