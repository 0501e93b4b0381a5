"""Say in the landing's own column whether absence from it counts: "proof" is no term of the glossary any more."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Rename the column. The views that read it follow it."""
    op.execute("alter table inn8_raw.landings rename column is_proof to absence_counts")
