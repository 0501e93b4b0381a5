"""Hide a row from readers when its newest record is invalid and does not name its owner, until a valid record comes.

Before, only a record of an unknown parent hid its row, and only while its reject was open.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# By the newest reject of each row: it is open, or it was withdrawn and the row has been missing since.
PORTFOLIOS_HIDDEN = """
update inn8.portfolios p set hidden_since = r.as_of_at
  from (select distinct on (tenant_id, record_key) * from inn8.rejected_records
         where entity = 'portfolios' order by tenant_id, record_key, as_of_at desc, id desc) r
 where r.tenant_id = p.tenant_id and r.record_key = p.external_id
   and (r.resolved_at is null or r.resolution = 'withdrawn' and p.missing_since >= r.as_of_at)
   and not exists (select from inn8.clients c
                    where c.tenant_id = p.tenant_id and c.id = p.client_id
                      and json_typeof(inn8_raw.property(r.payload, 'clientId')) = 'string'
                      and inn8_raw.property(r.payload, 'clientId') #>> '{}' = c.external_id)
"""
TRANSACTIONS_HIDDEN = """
update inn8.transactions t set hidden_since = r.as_of_at
  from (select distinct on (tenant_id, record_key) * from inn8.rejected_records
         where entity = 'transactions' order by tenant_id, record_key, as_of_at desc, id desc) r
 where r.tenant_id = t.tenant_id and r.record_key = t.external_id
   and (r.resolved_at is null or r.resolution = 'withdrawn' and t.missing_since >= r.as_of_at)
   and not exists (select from inn8.portfolios p
                    where p.tenant_id = t.tenant_id and p.id = t.portfolio_id
                      and json_typeof(inn8_raw.property(r.payload, 'portfolioId')) = 'string'
                      and inn8_raw.property(r.payload, 'portfolioId') #>> '{}' = p.external_id)
"""
PORTFOLIOS = """
create or replace view inn8.portfolio_details as
select p.tenant_id, p.id, p.external_id, p.client_id, c.external_id as client_external_id, c.name as client_name,
       p.name, p.account_number, p.account_type, p.status,
       p.missing_since, p.removed_at, p.created_at, p.updated_at,
       case when r.id is not null then greatest(r.row_as_of_at, p.as_of_at)
            when p.missing_since is not null then p.as_of_at
            else greatest(p.as_of_at, s.last_synced_at) end as last_synced_at
  from inn8.portfolios p
  join inn8.clients c on c.tenant_id = p.tenant_id and c.id = p.client_id
  left join inn8.sync_state s on s.tenant_id = p.tenant_id and s.entity = 'portfolios' and s.trade_date is null
  left join inn8.rejected_records r on r.tenant_id = p.tenant_id and r.entity = 'portfolios'
       and r.record_key = p.external_id and r.resolved_at is null
 where p.hidden_since is null
"""
TRANSACTIONS = """
create or replace view inn8.transaction_details as
select t.tenant_id, t.id, t.external_id, t.portfolio_id, p.external_id as portfolio_external_id, p.client_id,
       t.security_id, x.external_id as security_external_id, x.symbol as security_symbol, x.name as security_name,
       x.isin as security_isin, t.transaction_type, t.trade_date, t.settlement_date, t.quantity, t.price, t.amount,
       t.fees, t.currency, t.description,
       t.missing_since, t.removed_at, t.created_at, t.updated_at,
       case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
            when t.missing_since is not null then t.as_of_at
            else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at
  from inn8.transactions t
  join inn8.portfolios p on p.tenant_id = t.tenant_id and p.id = t.portfolio_id
  left join inn8.securities x on x.tenant_id = t.tenant_id and x.id = t.security_id
  left join inn8.sync_state s on s.tenant_id = t.tenant_id and s.entity = 'transactions'
       and s.trade_date = t.trade_date
  left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = 'transactions'
       and r.record_key = t.external_id and r.resolved_at is null
 where t.hidden_since is null and p.hidden_since is null
"""


def upgrade() -> None:
    """Add the columns, fill them from the rejects, and replace the views; their owners, rights and comments stay."""
    for table in ("portfolios", "transactions"):
        op.add_column(table, sa.Column("hidden_since", sa.DateTime(timezone=True), nullable=True), schema="inn8")
    for statement in (PORTFOLIOS_HIDDEN, TRANSACTIONS_HIDDEN, PORTFOLIOS, TRANSACTIONS):
        op.execute(statement)
