"""Store the last failure of each circuit: request, error and time. The message of an open circuit names them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("circuits", sa.Column("last_failure", sa.Text(), nullable=True), schema="inn8")
    op.add_column("circuits", sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=True), schema="inn8")
