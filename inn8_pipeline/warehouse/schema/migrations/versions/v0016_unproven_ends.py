"""A landing says why more pages may follow its last one, if nothing proves that it is the last one."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the column. Earlier landings have null: their warnings are in the logs of their runs only."""
    op.execute("alter table inn8_raw.landings add column unproven_end text")
