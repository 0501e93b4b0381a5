"""Store the rows that a fetch lacked without proof: they count as unconfirmed, and `last_synced_at` stays the same.

A landing also stores since when it has had records without a readable id: only rows that were confirmed since then can
be proven to be absent from it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

VISIBLE = """
  (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
  or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
"""
LAST_SYNCED = """
       t.missing_since, t.removed_at, t.created_at, t.updated_at,
       case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
            when t.missing_since is not null then t.as_of_at
            when u.row_id is not null then u.confirmed_at
            else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at
"""
JOINS = """
  left join inn8.sync_state s on s.tenant_id = t.tenant_id and s.entity = '{entity}' and s.trade_date {day}
  left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = '{entity}'
       and r.record_key = t.external_id and r.resolved_at is null
  left join inn8.unconfirmed_rows u on u.tenant_id = t.tenant_id and u.entity = '{entity}' and u.row_id = t.id
"""
CLIENTS = f"""
create or replace view inn8.client_details as
select t.tenant_id, t.id, t.external_id, t.name, t.email, t.phone, t.address, t.status, {LAST_SYNCED}
  from inn8.clients t
  {JOINS.format(entity="clients", day="is null")}
"""
PORTFOLIOS = f"""
create or replace view inn8.portfolio_details as
select t.tenant_id, t.id, t.external_id, t.client_id, c.external_id as client_external_id, c.name as client_name,
       t.name, t.account_number, t.account_type, t.status, {LAST_SYNCED}
  from inn8.portfolios t
  join inn8.clients c on c.tenant_id = t.tenant_id and c.id = t.client_id
  {JOINS.format(entity="portfolios", day="is null")}
 where t.hidden_since is null
"""
TRANSACTIONS = f"""
create or replace view inn8.transaction_details as
select t.tenant_id, t.id, t.external_id, t.portfolio_id, p.external_id as portfolio_external_id, p.client_id,
       t.security_id, x.external_id as security_external_id, x.symbol as security_symbol, x.name as security_name,
       x.isin as security_isin, t.transaction_type, t.trade_date, t.settlement_date, t.quantity, t.price, t.amount,
       t.fees, t.currency, t.description, {LAST_SYNCED}
  from inn8.transactions t
  join inn8.portfolios p on p.tenant_id = t.tenant_id and p.id = t.portfolio_id
  left join inn8.securities x on x.tenant_id = t.tenant_id and x.id = t.security_id
  {JOINS.format(entity="transactions", day="= t.trade_date")}
 where t.hidden_since is null and p.hidden_since is null
"""


def upgrade() -> None:
    """Create the table and the column, and replace the views; their owners, rights and comments stay."""
    op.create_table(
        "unconfirmed_rows",
        sa.Column("tenant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lacking_since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "row_id", name="unconfirmed_rows_pkey"),
        schema="inn8",
    )
    for statement in (
        "alter table inn8.unconfirmed_rows enable row level security",
        "create policy writer on inn8.unconfirmed_rows to inn8_writer using (true) with check (true)",
        f"create policy views on inn8.unconfirmed_rows for select to inn8_views using ({VISIBLE})",
        "grant select, insert, update, delete on inn8.unconfirmed_rows to inn8_writer",
        "grant select on inn8.unconfirmed_rows to inn8_views",
    ):
        op.execute(statement)
    op.add_column(
        "landings", sa.Column("unreadable_since", sa.DateTime(timezone=True), nullable=True), schema="inn8_raw"
    )
    for view in (CLIENTS, PORTFOLIOS, TRANSACTIONS):
        op.execute(view)
