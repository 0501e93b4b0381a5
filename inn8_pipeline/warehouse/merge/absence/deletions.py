"""Mark the rows that INN8 no longer sends: missing after one complete fetch, removed after two.

The number of rows that are marked at once is bounded. A row that INN8 sends again is neither missing nor removed. The
second fetch must begin after the first one and lack the row too. A transaction is removed only once every day of trade
was fetched again, because its trade date may have changed to any of them. `absent_rows` decides which rows are absent.
"""

from dataclasses import dataclass

from psycopg import sql

from inn8_pipeline.warehouse.database import Statement
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """The bound on removals: a merge marks at most `percent` of the rows that it covers as missing.

    If more are lacking, none is marked: they are held back. The bound does not apply to fewer than `minimum_rows` rows,
    or if it is overridden.
    """

    percent: int = 20
    minimum_rows: int = 20
    is_overridden: bool = False

    def forbids(self, lacking: int, covered: int) -> bool:
        """Return True if more rows are lacking than the bound allows, which suggests a mistake of INN8."""
        return not self.is_overridden and covered >= self.minimum_rows and lacking * 100 > covered * self.percent


_MARK_MISSING = sql.SQL(
    """
    update {table} t
       set missing_since = %(started_at)s, as_of_at = l.confirmed_at, updated_at = now()
      from lacking l
     where t.tenant_id = %(tenant)s and t.id = l.row_id and l.reason is null
    """
)


def mark_missing(context: MergeContext) -> int:
    """Mark the rows that are proven to be absent as missing; return how many.

    Their `as_of_at` becomes the start of the last fetch that had the row, because later landings do not confirm it.
    """
    return context.run(_MARK_MISSING.format(table=name_of(context.plan.table))).rowcount


_REMOVE = sql.SQL(
    """
    with complete as ({complete})
    update {table} t set removed_at = now(), updated_at = now()
      from complete c
     where t.tenant_id = %(tenant)s and t.missing_since is not null and t.removed_at is null
       and t.missing_since < c.proven_at and (c.unreadable_since is null or t.as_of_at >= c.unreadable_since)
       {is_within}
       and not exists (select from inn8.rejected_records r where r.tenant_id = t.tenant_id
                        and r.entity = %(entity)s and r.record_key = t.external_id and r.resolved_at is null)
    """
)
_COMPLETE = sql.SQL(
    """
    select l.as_of_at as proven_at, l.unreadable_since
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
     where c.tenant_id = %(tenant)s and c.entity = %(entity)s and l.absence_counts
    """
)
# If the landing of a day is not complete, or a day has none, `proven_at` is null and nothing is removed.
_COMPLETE_DAYS = sql.SQL(
    """
    select case when count(*) filter (where l.absence_counts) = count(*) then min(l.as_of_at) end as proven_at,
           max(l.unreadable_since) as unreadable_since
      from generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') as d (day)
      left join inn8.sync_coverage c on c.tenant_id = %(tenant)s and c.entity = %(entity)s
           and c.trade_date = d.day::date
      left join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
    """
)


def remove(context: MergeContext) -> int:
    """Mark the rows that two fetches lacked as removed, unless an open reject has their id; return how many.

    Call it after the watermarks have advanced to this landing. The bound on removals does not apply again: it applied
    when the rows were marked as missing.
    """
    has_days = context.plan.has_days
    statement = _REMOVE.format(
        table=name_of(context.plan.table),
        complete=_COMPLETE_DAYS if has_days else _COMPLETE,
        is_within=sql.SQL("and t.trade_date between %(first)s and %(last)s" if has_days else ""),
    )
    full = context.full_window
    return context.run(statement, first=full and full.from_date, last=full and full.to_date).rowcount


_COUNT_WAITING = sql.SQL(
    """
    select count(*) from {table} t
     where t.tenant_id = %(tenant)s {is_of_days}
       and (t.missing_since is not null and t.removed_at is null
            or exists (select from inn8.unconfirmed_rows u
                        where u.tenant_id = t.tenant_id and u.entity = %(entity)s and u.row_id = t.id))
    """
)


def has_waiting(context: MergeContext) -> bool:
    """Return True if a row of the landing's days is missing or unconfirmed: then an unchanged landing is merged too."""
    return bool(context.count(_COUNT_WAITING.format(table=name_of(context.plan.table), is_of_days=is_of_days(context))))


def is_of_days(context: MergeContext) -> Statement:
    """Return the condition, with a leading `and`, that the row t is of a day that the landing may write."""
    return sql.SQL("and t.trade_date = any (%(days)s)") if context.plan.has_days else sql.SQL("")
