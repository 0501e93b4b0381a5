"""Create the roles, change all owners, and grant rights: the pipeline writes, readers read their tenants' rows.

Row-level security is on for every table. Views run with the rights of their owner, `inn8_views`, so it applies to them
too; `current_user` in a policy is still the role that queries the view. The tenants of a reader are in a table that no
reader can change.
"""

import sqlalchemy as sa
from alembic import op

from inn8_pipeline.warehouse.schema.migrations import roles

revision = "0004"
down_revision = "0003"

# The rights of the writer. It marks rows of entities as missing or removed and never deletes them; ANALYZE needs
# MAINTAIN.
READ_AND_WRITE = "select, insert, update"
TABLES = {
    "inn8.schema_version": "select",
    "inn8.clients": f"{READ_AND_WRITE}, maintain",
    "inn8.portfolios": f"{READ_AND_WRITE}, maintain",
    "inn8.securities": f"{READ_AND_WRITE}, maintain",
    "inn8.transactions": READ_AND_WRITE,
    "inn8.rejected_records": f"{READ_AND_WRITE}, delete",
    "inn8.sync_coverage": READ_AND_WRITE,
    "inn8.circuits": READ_AND_WRITE,
    "inn8.unknown_properties": READ_AND_WRITE,
    "inn8_raw.landings": f"{READ_AND_WRITE}, delete",
    "inn8_raw.pages": "select, insert, delete",
}
BEHIND_VIEWS = (
    "inn8.clients",
    "inn8.portfolios",
    "inn8.securities",
    "inn8.transactions",
    "inn8.rejected_records",
    "inn8.sync_coverage",
    "inn8_raw.landings",
    "inn8_raw.pages",
)
VIEWS = (
    "inn8.sync_state",
    "inn8.client_details",
    "inn8.portfolio_details",
    "inn8.transaction_details",
    "inn8.open_rejects",
    "inn8_raw.clients",
    "inn8_raw.portfolios",
    "inn8_raw.transactions",
)

OPEN_REJECTS = """
create view inn8.open_rejects as
select tenant_id, id, entity, external_id, trade_date, reason_code, reason, landing_id, attempts,
       first_seen_at, last_seen_at, accepted_at, accepted_note
  from inn8.rejected_records
 where resolved_at is null
"""

# The subqueries run once per query, so that Postgres still uses the indexes that begin with the tenant.
VISIBLE = """
  (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
  or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
"""


def upgrade() -> None:
    """Create the roles and the new objects, then change all owners; later migrations run as the owner."""
    roles.ensure(op.get_bind())
    op.create_table(
        "tenant_readers",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("role_name", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "role_name", name="tenant_readers_pkey"),
        schema="inn8",
    )
    op.execute(OPEN_REJECTS)
    hand_over()
    op.execute("set local role inn8_owner")
    protect()
    grant()


def hand_over() -> None:
    """Change all owners. The new owner of a view needs CREATE on its schema at that moment, and only then."""
    for schema in ("inn8", "inn8_raw"):
        op.execute(f"alter schema {schema} owner to inn8_owner")
        op.execute(f"grant usage, create on schema {schema} to inn8_views")
    for table in (*TABLES, "inn8.tenant_readers"):
        op.execute(f"alter table {table} owner to inn8_owner")
    op.execute("alter function inn8_raw.property(json, text) owner to inn8_owner")
    for view in VIEWS:
        op.execute(f"alter view {view} owner to inn8_views")
    for schema in ("inn8", "inn8_raw"):
        op.execute(f"revoke create on schema {schema} from inn8_views")


def protect() -> None:
    """Enable row-level security: the writer sees all rows, a view those of its reader's tenants, no other role any."""
    for table in TABLES:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy writer on {table} to inn8_writer using (true) with check (true)")
    for table in BEHIND_VIEWS:
        op.execute(f"create policy views on {table} for select to inn8_views using ({VISIBLE})")
    op.execute("alter table inn8.tenant_readers enable row level security")
    op.execute(
        "create policy views on inn8.tenant_readers for select to inn8_views using (role_name = current_user::text)"
    )


def grant() -> None:
    """Grant the rights of each role, and revoke those on functions that Postgres grants to PUBLIC by default."""
    op.execute("grant usage on schema inn8, inn8_raw to inn8_writer, inn8_reader")
    for table, rights in TABLES.items():
        op.execute(f"grant {rights} on {table} to inn8_writer")
    op.execute(f"grant select on {', '.join(BEHIND_VIEWS)}, inn8.tenant_readers to inn8_views")
    op.execute("alter default privileges revoke execute on functions from public")
    op.execute("revoke all on function inn8_raw.property(json, text) from public")
    op.execute("grant execute on function inn8_raw.property(json, text) to inn8_views, inn8_writer, inn8_reader")
    op.execute("set local role inn8_views")
    op.execute(f"grant select on {', '.join(VIEWS)} to inn8_writer, inn8_reader")
    op.execute("set local role inn8_owner")
