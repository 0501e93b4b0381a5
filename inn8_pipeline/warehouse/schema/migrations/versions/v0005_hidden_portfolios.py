"""Hide the transactions of hidden portfolios: as long as the portfolio has no known owner, they have none either."""

from alembic import op

revision = "0005"
down_revision = "0004"

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
 where r.reason_code is distinct from 'unknown_parent'
   and not exists (select from inn8.rejected_records h
                    where h.tenant_id = p.tenant_id and h.entity = 'portfolios' and h.record_key = p.external_id
                      and h.resolved_at is null and h.reason_code = 'unknown_parent')
"""


def upgrade() -> None:
    """Replace the view. Its owner, rights and comments stay."""
    op.execute(TRANSACTIONS)
