"""Rows that INN8 no longer sends: missing after one complete fetch, removed after two.

Both are bounded, and both are undone when the row comes back. The second fetch must begin after the first one and lack
the row too. Transactions take a second fetch of all days of trade: one whose trade date changed is on another day, not
gone.
"""

from dataclasses import dataclass

from psycopg import sql

from inn8_pipeline.warehouse.database import Statement
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.exclusions import CONFIRMED_AT, confirming_joins
from inn8_pipeline.warehouse.merge.plan import name_of


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """The largest share of rows that one merge marks as missing.

    More than `percent` of the rows covered, if they are at least `minimum_rows`, are held back unless it is overridden.
    """

    percent: int = 20
    minimum_rows: int = 20
    is_overridden: bool = False

    def forbids(self, lacking: int, covered: int) -> bool:
        """Return whether so many at once look like a fault of INN8's rather than like removals."""
        return not self.is_overridden and covered >= self.minimum_rows and lacking * 100 > covered * self.percent


@dataclass(frozen=True, slots=True)
class DeletionCounts:
    """Rows marked as missing and removed by this merge, and rows whose marking was held back."""

    missing: int = 0
    removed: int = 0
    held_back: int = 0


_IS_COVERED = sql.SQL(
    "t.tenant_id = %(tenant)s and t.removed_at is null and t.missing_since is null and t.as_of_at < %(started_at)s"
)
_IS_OF_DAYS = sql.SQL(" and t.trade_date = any (%(days)s)")
_IS_LACKING = sql.SQL(
    """
    not exists (select from staged s where s.external_id = t.external_id)
    and not exists (select from staged_rejects x where x.external_id = t.external_id)
    """
)
_COUNT = sql.SQL("select count(*) from {table} t where {condition}")


def mark(context: MergeContext, limit: RemovalLimit) -> DeletionCounts:
    """Mark the rows that the landing lacks; return how many were marked, and how many were held back."""
    lacking = _count(context, sql.SQL("{} and {}").format(_is_covered(context), _IS_LACKING))
    if lacking and limit.forbids(lacking, _count(context, _is_covered(context))):
        return DeletionCounts(held_back=lacking)
    return DeletionCounts(missing=_mark_missing(context) if lacking else 0)


def _is_covered(context: MergeContext) -> Statement:
    return _IS_COVERED + _IS_OF_DAYS if context.plan.has_days else _IS_COVERED


def _count(context: MergeContext, condition: sql.Composable) -> int:
    return context.count(_COUNT.format(table=name_of(context.plan.table), condition=condition))


_MARK_MISSING = sql.SQL(
    """
    update {table} o
       set missing_since = %(started_at)s, as_of_at = m.confirmed_at, updated_at = now()
      from (select t.id, {confirmed_at} as confirmed_at from {table} t {joins} where {is_covered} and {is_lacking}) m
     where o.tenant_id = %(tenant)s and o.id = m.id
    """
)


def _mark_missing(context: MergeContext) -> int:
    """Mark the rows; each keeps the start of the fetch that last held it, for no later landing confirms it."""
    statement = _MARK_MISSING.format(
        table=name_of(context.plan.table),
        confirmed_at=CONFIRMED_AT,
        joins=confirming_joins(context.plan),
        is_covered=_is_covered(context),
        is_lacking=_IS_LACKING,
    )
    return context.run(statement).rowcount


_REMOVE = sql.SQL(
    """
    update {table} t set removed_at = now(), updated_at = now()
     where t.tenant_id = %(tenant)s and t.missing_since is not null and t.removed_at is null
       and t.missing_since < ({proven_at}) {is_within}
       and not exists (select from inn8.rejected_records r where r.tenant_id = t.tenant_id
                        and r.entity = %(entity)s and r.record_key = t.external_id and r.resolved_at is null)
    """
)
_PROVEN_AT = sql.SQL(
    "select s.proven_at from inn8.sync_state s where s.tenant_id = %(tenant)s and s.entity = %(entity)s"
)
# A day without proof, or without any landing, makes the least of them null: then nothing is proven.
_PROVEN_AT_OF_DAYS = sql.SQL(
    """
    select case when count(s.proven_at) = count(*) then min(s.proven_at) end
      from generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') as d (day)
      left join inn8.sync_state s on s.tenant_id = %(tenant)s and s.entity = %(entity)s and s.trade_date = d.day::date
    """
)


def remove(context: MergeContext) -> int:
    """Remove the rows that two fetches lacked, unless an open reject has their id.

    Call it after the watermarks have advanced to this landing. No limit applies: it did when the rows were marked.
    """
    has_days = context.plan.has_days
    statement = _REMOVE.format(
        table=name_of(context.plan.table),
        proven_at=_PROVEN_AT_OF_DAYS if has_days else _PROVEN_AT,
        is_within=sql.SQL("and t.trade_date between %(first)s and %(last)s" if has_days else ""),
    )
    history = context.history
    return context.run(statement, first=history and history.from_date, last=history and history.to_date).rowcount


_IS_WAITING = sql.SQL("t.tenant_id = %(tenant)s and t.missing_since is not null and t.removed_at is null")


def has_waiting(context: MergeContext) -> bool:
    """Return whether a row of the landing's days is missing, not removed: then an unchanged landing is merged too."""
    is_waiting = _IS_WAITING + _IS_OF_DAYS if context.plan.has_days else _IS_WAITING
    return bool(_count(context, is_waiting))
