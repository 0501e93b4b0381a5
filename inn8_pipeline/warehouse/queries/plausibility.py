"""Find bookings that are implausible: money and units that do not add up. Nothing is corrected, and nothing is written.

Each kind has its rule. A platform may have conventions of its own, such as sales with a negative number of units, so a
rule applies only if the data of the tenant keep it: if more than a few percent of what it looks at breaks it, it is
passed over.
"""

from dataclasses import dataclass
from datetime import date

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.warehouse.database import execute


@dataclass(frozen=True, slots=True)
class Implausible:
    """A finding by INN8's ids. `other_id` is the second transaction of a pair, or the security."""

    kind: str
    trade_date: date
    portfolio_id: str
    transaction_id: str | None
    other_id: str | None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What a rule has found in `candidates` things that it looked at. If it does not apply, nothing is listed."""

    kind: str
    candidates: int
    count: int
    is_applied: bool
    findings: tuple[Implausible, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """The thresholds of the rules, as in the settings, and today's date.

    Attributes:
        max_percent: A rule applies if no more than this share of what it looks at breaks it.
        pair_days: The days within which the two sides of a pair are expected.
        tolerance_percent: The difference of the amounts of a switch that is accepted.
        today: The last possible day of trade.

    """

    max_percent: int
    pair_days: int
    tolerance_percent: int
    today: date


def examine(connection: Connection, tenant_id: str, bounds: Bounds, *, limit: int | None = None) -> list[RuleResult]:
    """Return the result of each rule, with at most `limit` findings of each kind."""
    return [_examine(connection, tenant_id, bounds, kind, limit) for kind in _RULES]


def _examine(connection: Connection, tenant_id: str, bounds: Bounds, kind: str, limit: int | None) -> RuleResult:
    rows = execute(
        connection,
        _RULE.format(rule=_RULES[kind], transactions=_TRANSACTIONS),
        tenant=tenant_id,
        days=bounds.pair_days,
        tolerance=bounds.tolerance_percent,
        percent=bounds.max_percent,
        today=bounds.today,
        limit=limit,
    ).fetchall()
    findings = (
        Implausible(kind, row["trade_date"], row["portfolio"], row["transaction_id"], row["other_id"])
        for row in rows
        if row["portfolio"] is not None
    )
    return RuleResult(kind, rows[0]["candidates"], rows[0]["number"], rows[0]["is_applied"], tuple(findings))


# Removed and hidden rows are left out. `units` has a sign: what the portfolio receives is positive, whichever sign the
# platform gives the units of such a booking; the unusual sign is that of a reversal.
_TRANSACTIONS = sql.SQL("""
  rows as (
    select id, external_id, portfolio_id, security_id, transaction_type, trade_date, settlement_date, quantity, price,
           amount, fees, currency, description
      from inn8.transactions
     where tenant_id = %(tenant)s and removed_at is null and hidden_since is null),
  usual as (
    select transaction_type, sign(sum(sign(amount))) as amount, sign(sum(sign(quantity))) as quantity,
           least(count(*) filter (where amount > 0), count(*) filter (where amount < 0)) * 100.0
             <= %(percent)s * count(*) filter (where amount <> 0) as is_clear
      from rows group by transaction_type),
  bookings as (
    select r.*, u.amount as usual_sign, u.quantity as usual_units, u.is_clear,
           r.quantity * u.quantity
             * case when r.transaction_type in ('buy', 'switch_in', 'transfer_in') then 1
                    when r.transaction_type in ('sell', 'switch_out', 'transfer_out') then -1 end as units
      from rows r join usual u using (transaction_type))""")
# A rule has the relations `candidates` (their number) and `found`.
_RULE = sql.SQL("""
  with {transactions}, {rule}
  select n.*, f.trade_date, p.external_id as portfolio, f.transaction_id, f.other_id
    from (select c.number as candidates, f.number, f.number * 100.0 <= %(percent)s * c.number as is_applied
            from (select number from candidates) c, (select count(*) as number from found) f) n
    left join lateral (select * from found where n.is_applied
                        order by trade_date, transaction_id limit %(limit)s::bigint) f on true
    left join inn8.portfolios p on p.tenant_id = %(tenant)s and p.id = f.portfolio_id
   order by f.trade_date, f.transaction_id
""")
_SIGN = sql.SQL("""
  candidates as (select count(*) as number from bookings where is_clear),
  found as (
    select b.trade_date, b.portfolio_id, b.external_id as transaction_id, null::text as other_id
      from bookings b
     where b.is_clear and (sign(b.amount) = -b.usual_sign or sign(b.quantity) = -b.usual_units)
       and not exists (
         select from bookings o
          where o.portfolio_id = b.portfolio_id and o.transaction_type = b.transaction_type
            and o.security_id is not distinct from b.security_id and o.amount = -b.amount
            and abs(o.trade_date - b.trade_date) <= %(days)s))""")
_CANCELLED = sql.SQL("""
  candidates as (select count(*) as number from bookings where is_clear),
  found as (
    select distinct on (b.id) o.trade_date, o.portfolio_id, o.external_id as transaction_id, b.external_id as other_id
      from bookings b
      join rows o on o.portfolio_id = b.portfolio_id and o.transaction_type = b.transaction_type
           and o.amount = -b.amount and o.security_id is not distinct from b.security_id
           and abs(o.trade_date - b.trade_date) <= %(days)s
     where b.is_clear and sign(b.amount) = -b.usual_sign
     order by b.id, abs(o.trade_date - b.trade_date), o.id)""")
_DUPLICATE = sql.SQL("""
  candidates as (select count(*) as number from rows where amount <> 0),
  found as (
    select trade_date, portfolio_id, first_id as transaction_id, external_id as other_id
      from (select trade_date, portfolio_id, external_id,
                   first_value(external_id) over same as first_id, row_number() over same as place
              from rows where amount <> 0
            window same as (partition by portfolio_id, trade_date, transaction_type, security_id, amount, quantity,
                                         price, fees, currency, settlement_date, description order by id)) r
     where place > 1)""")
_EARLY_SETTLEMENT = sql.SQL("""
  candidates as (select count(*) as number from rows where settlement_date is not null),
  found as (
    select trade_date, portfolio_id, external_id as transaction_id, null::text as other_id
      from rows where settlement_date < trade_date)""")
_NEGATIVE_UNITS = sql.SQL("""
  days as (
    select portfolio_id, security_id, trade_date, sum(units) as units,
           min(external_id) filter (where units < 0) as transaction_id
      from bookings where units <> 0 and security_id is not null group by 1, 2, 3),
  balances as (
    select d.*, sum(units) over (partition by portfolio_id, security_id order by trade_date) as balance from days d),
  candidates as (select count(*) as number from (select distinct portfolio_id, security_id from days) d),
  found as (
    select distinct on (b.portfolio_id, b.security_id) b.trade_date, b.portfolio_id, b.transaction_id,
           s.external_id as other_id
      from balances b join inn8.securities s on s.tenant_id = %(tenant)s and s.id = b.security_id
     where balance < 0
     order by b.portfolio_id, b.security_id, b.trade_date)""")
_CLOSED_WITH_UNITS = sql.SQL("""
  closed as (
    select id from inn8.portfolios
     where tenant_id = %(tenant)s and status = 'closed' and removed_at is null and hidden_since is null),
  candidates as (select count(*) as number from closed),
  found as (
    select max(b.trade_date) as trade_date, b.portfolio_id, null::text as transaction_id,
           min(s.external_id) as other_id
      from bookings b join closed c on c.id = b.portfolio_id
      join inn8.securities s on s.tenant_id = %(tenant)s and s.id = b.security_id
     group by b.portfolio_id, b.security_id having sum(b.units) <> 0)""")
# Switches of a portfolio with no more than some days between them belong together: into and out of it the same amount.
# What is too recent, or begins with the data, may have its counterpart still outside of them.
_UNPAIRED_SWITCH = sql.SQL("""
  marked as (
    select b.*, coalesce(trade_date - lag(trade_date) over w > %(days)s, false)::int as is_first
      from bookings b where transaction_type in ('switch_in', 'switch_out')
    window w as (partition by portfolio_id order by trade_date, id)),
  grouped as (
    select m.*, sum(is_first) over (partition by portfolio_id order by trade_date, id) as place from marked m),
  sums as (
    select portfolio_id, min(trade_date) as trade_date, max(trade_date) as last_date,
           coalesce(sum(amount * usual_sign) filter (where transaction_type = 'switch_in'), 0) as received,
           coalesce(sum(amount * usual_sign) filter (where transaction_type = 'switch_out'), 0) as given,
           count(distinct currency) as currencies,
           (array_agg(external_id order by abs(amount) desc, id))[1] as transaction_id
      from grouped group by portfolio_id, place),
  settled as (
    select * from sums
     where last_date < %(today)s::date - %(days)s and trade_date > (select min(trade_date) from rows) + %(days)s),
  candidates as (select count(*) as number from settled),
  found as (
    select trade_date, portfolio_id, transaction_id, null::text as other_id
      from settled
     where case when currencies > 1 then (received = 0) <> (given = 0)
                else abs(received - given) * 100 > %(tolerance)s * greatest(received, given) end)""")
_UNPAIRED_TRANSFER = sql.SQL("""
  transfers as (
    select * from bookings where transaction_type in ('transfer_in', 'transfer_out') and units <> 0
       and security_id is not null
       and trade_date < %(today)s::date - %(days)s and trade_date > (select min(trade_date) from rows) + %(days)s),
  candidates as (select count(*) as number from transfers),
  found as (
    select t.trade_date, t.portfolio_id, t.external_id as transaction_id, null::text as other_id
      from transfers t
     where not exists (
       select from bookings o
        where o.security_id = t.security_id and o.units = -t.units and o.portfolio_id <> t.portfolio_id
          and o.transaction_type in ('transfer_in', 'transfer_out')
          and abs(o.trade_date - t.trade_date) <= %(days)s))""")

_RULES = {
    "sign": _SIGN,
    "negative_units": _NEGATIVE_UNITS,
    "closed_with_units": _CLOSED_WITH_UNITS,
    "unpaired_switch": _UNPAIRED_SWITCH,
    "unpaired_transfer": _UNPAIRED_TRANSFER,
    "early_settlement": _EARLY_SETTLEMENT,
    "duplicate": _DUPLICATE,
    "cancelled": _CANCELLED,
}
