"""Every row has a history: its past versions in the schema `inn8_history`, copied by triggers.

Rows that are there already are valid since the last instant that they know of; nothing earlier is known of them.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = {
    "clients": "greatest(as_of_at, missing_since, removed_at)",
    "portfolios": "greatest(as_of_at, missing_since, removed_at, hidden_since)",
    "securities": "as_of_at",
    "transactions": "greatest(as_of_at, missing_since, removed_at, hidden_since)",
}

# A version that this very transaction wrote has been seen by nobody: its replacement takes its place.
DATE_VERSION = """
create function inn8_history.date_version() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
declare
  changed_at timestamptz := nullif(current_setting('inn8.changed_at', true), '')::timestamptz;
begin
  new.landing_id := nullif(current_setting('inn8.changed_by_landing', true), '')::bigint;
  new.valid_from := case when changed_at is not null and old.updated_at = now() then old.valid_from
                         else greatest(coalesce(changed_at, statement_timestamp()),
                                       old.valid_from + interval '1 microsecond') end;
  return new;
end
$$
"""


def upgrade() -> None:
    """Create the schema, date the rows, then create past versions, triggers, views and functions."""
    # The owner's role may not create a schema; the login that upgrades could when it created the others.
    op.execute("set local role none")
    op.execute("create schema inn8_history authorization inn8_owner")
    op.execute("set local role inn8_owner")
    op.execute("grant usage on schema inn8_history to inn8_writer, inn8_views")
    op.add_column("landings", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True), schema="inn8_raw")
    for table, known_since in TABLES.items():
        op.add_column(table, sa.Column("landing_id", sa.BigInteger(), nullable=True), schema="inn8")
        valid_from = sa.Column("valid_from", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
        op.add_column(table, valid_from, schema="inn8")
        op.execute(f"update inn8.{table} set valid_from = {known_since}")
    op.execute(DATE_VERSION)
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
