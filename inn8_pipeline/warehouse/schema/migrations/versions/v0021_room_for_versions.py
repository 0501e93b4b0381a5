"""Leave room on each page for new versions of its rows: docs/decisions/0034."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Set the fill factor of the tables that syncs update. Pages that are full stay as they are."""
    for table in ("clients", "portfolios", "securities", "transactions"):
        op.execute(f"alter table inn8.{table} set (fillfactor = 90)")
