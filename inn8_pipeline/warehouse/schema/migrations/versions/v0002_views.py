"""Create the views: details of the rows in `inn8` for readers, records of the landings in `inn8_raw` for analysts.

`last_synced_at` is the start of the last fetch that confirmed a row. It is computed from the landings, because an
unchanged row is not written. It does not change while the row is missing, removed or has an open reject.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATE = """
create view inn8.sync_state as
select c.tenant_id, c.entity, c.trade_date, c.landing_id, l.status, l.record_count, l.merged_at,
       l.as_of_at as last_synced_at, case when l.is_proof then l.as_of_at end as proven_at
  from inn8.sync_coverage c
  join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
"""

# If the last merged landing did not confirm the row, the row's own last confirmation.
LAST_SYNCED = """
       case when r.id is not null then greatest(r.row_as_of_at, {row}.as_of_at)
            when {row}.missing_since is not null then {row}.as_of_at
            else greatest({row}.as_of_at, s.last_synced_at) end as last_synced_at
"""

CONFIRMED_BY = """
  left join inn8.sync_state s on s.tenant_id = {row}.tenant_id and s.entity = '{entity}'
       and s.trade_date {day}
  left join inn8.rejected_records r on r.tenant_id = {row}.tenant_id and r.entity = '{entity}'
       and r.record_key = {row}.external_id and r.resolved_at is null
"""

CLIENTS = f"""
create view inn8.client_details as
select c.tenant_id, c.id, c.external_id, c.name, c.email, c.phone, c.address, c.status,
       c.missing_since, c.removed_at, c.created_at, c.updated_at, {LAST_SYNCED.format(row="c")}
  from inn8.clients c
  {CONFIRMED_BY.format(row="c", entity="clients", day="is null")}
"""

PORTFOLIOS = f"""
create view inn8.portfolio_details as
select p.tenant_id, p.id, p.external_id, p.client_id, c.external_id as client_external_id, c.name as client_name,
       p.name, p.account_number, p.account_type, p.status,
       p.missing_since, p.removed_at, p.created_at, p.updated_at, {LAST_SYNCED.format(row="p")}
  from inn8.portfolios p
  join inn8.clients c on c.tenant_id = p.tenant_id and c.id = p.client_id
  {CONFIRMED_BY.format(row="p", entity="portfolios", day="is null")}
 where r.reason_code is distinct from 'unknown_parent'
"""

TRANSACTIONS = f"""
create view inn8.transaction_details as
select t.tenant_id, t.id, t.external_id, t.portfolio_id, p.external_id as portfolio_external_id, p.client_id,
       t.security_id, x.external_id as security_external_id, x.symbol as security_symbol, x.name as security_name,
       x.isin as security_isin, t.transaction_type, t.trade_date, t.settlement_date, t.quantity, t.price, t.amount,
       t.fees, t.currency, t.description,
       t.missing_since, t.removed_at, t.created_at, t.updated_at, {LAST_SYNCED.format(row="t")}
  from inn8.transactions t
  join inn8.portfolios p on p.tenant_id = t.tenant_id and p.id = t.portfolio_id
  left join inn8.securities x on x.tenant_id = t.tenant_id and x.id = t.security_id
  {CONFIRMED_BY.format(row="t", entity="transactions", day="= t.trade_date")}
 where r.reason_code is distinct from 'unknown_parent'
"""

# Return a property by its name in any case; the last one of several. Null if the record is not an object, or has a text
# that Postgres cannot read: one such record must not make the view fail.
PROPERTY = r"""
create function inn8_raw.property(record json, name text) returns json language sql immutable strict parallel safe as $$
  select value
    from json_each(case when json_typeof(record) = 'object'
                         and (position('\u' in record::text) = 0 or pg_input_is_valid(record::text, 'jsonb'))
                        then record else '{}' end) with ordinality as each (key, value, place)
   where lower(key) = lower(name) order by place desc limit 1
$$
"""

RECORDS = """
  from {source}
  join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
  cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
  join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
  cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
"""

RAW_COLLECTION = (
    """
create view inn8_raw.{entity} as
select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, e.record
"""
    + RECORDS.format(source="inn8.sync_coverage c")
    + " where c.entity = '{entity}'"
)

# A landing of many days is read once; a record is shown if the landing is the one that its day was last merged from.
RAW_TRANSACTIONS = (
    """
create view inn8_raw.transactions as
select o.tenant_id, o.landing_id, o.as_of_at, o.page, o.place, v.trade_date, o.record
  from (
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, e.record,
           left(inn8_raw.property(e.record, 'tradeDate') #>> '{}', 10) as day
"""
    + RECORDS.replace(
        "{source}",
        "(select distinct tenant_id, landing_id from inn8.sync_coverage where entity = 'transactions') c",
    )
    + """
  ) o
  join inn8.sync_coverage v on v.tenant_id = o.tenant_id and v.landing_id = o.landing_id
       and v.entity = 'transactions' and to_char(v.trade_date, 'YYYY-MM-DD') = o.day
"""
)


def upgrade() -> None:
    """Create the function, then the views, each after those that it uses."""
    op.execute(PROPERTY)
    for view in (STATE, CLIENTS, PORTFOLIOS, TRANSACTIONS, RAW_TRANSACTIONS):
        op.execute(view)
    for entity in ("clients", "portfolios"):
        op.execute(RAW_COLLECTION.format(entity=entity))
