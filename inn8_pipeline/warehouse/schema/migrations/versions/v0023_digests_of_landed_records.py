"""Digests of the landed records beside their pages, so that a merge finds what has changed without reading a record."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the column. Pages that are stored already get their digests from the next merge that needs them."""
    op.execute("alter table inn8_raw.pages add column record_digests bytea")
    op.execute("grant update (record_digests) on inn8_raw.pages to inn8_writer")
