"""Compress the landed pages, and leave room on the pages of tables for new versions of rows: docs/decisions/0034."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Change how new pages and rows are stored. What is stored already stays as it is."""
    op.execute("alter table inn8_raw.pages alter column body set storage extended")
    for table in ("clients", "portfolios", "securities", "transactions"):
        op.execute(f"alter table inn8.{table} set (fillfactor = 90)")
