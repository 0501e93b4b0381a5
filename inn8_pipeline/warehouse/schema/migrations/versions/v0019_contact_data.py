"""Readers without contact data: personal columns, and the records as sent, are null for them in the views.

Whoever reads now sees contact data as before.
"""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"

# `inn8 doctor` runs as the pipeline, which may not read who reads what. It learns the names of these logins only.
READERS_WITHOUT_CONTACT_DATA = """
create function inn8.readers_without_contact_data() returns setof text language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select distinct r.role_name::text from inn8.tenant_readers r where not r.has_contact_data
$$
"""


def upgrade() -> None:
    """Add the column and the function, and replace the views; their owners and rights stay."""
    op.execute("alter table inn8.tenant_readers add column has_contact_data boolean not null default true")
    op.execute(READERS_WITHOUT_CONTACT_DATA)
    op.execute("revoke all on function inn8.readers_without_contact_data() from public")
    op.execute("grant execute on function inn8.readers_without_contact_data() to inn8_writer")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
