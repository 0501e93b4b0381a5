"""What INN8 no longer sends: marked missing by a first proof, removed by a second; both bounded, both undone on return.

A second proof is a complete landing that began after the first one and lacks the row too. For transactions that takes
all days of trade: one whose trade date moved is elsewhere, not gone.
"""

from dataclasses import dataclass

from psycopg import sql

from inn8_pipeline.warehouse.merge.exclusions import CONFIRMED_AT, confirming
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.staging import MergeContext


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """More than `percent` of the rows covered, from `minimum_rows` on, are not marked at once, unless overridden."""

    percent: int = 20
    minimum_rows: int = 20
    is_overridden: bool = False

    def forbids(self, lacking: int, covered: int) -> bool:
        """Whether so many at once look like a fault of INN8's rather than like removals."""
        return not self.is_overridden and covered >= self.minimum_rows and lacking * 100 > covered * self.percent


@dataclass(frozen=True, slots=True)
class DeletionCounts:
    """Rows marked by this merge, and those whose marking was held back."""

    missing: int = 0
    removed: int = 0
    held_back: int = 0


_COVERED = """
  t.tenant_id = %(tenant)s and t.removed_at is null and t.missing_since is null and t.as_of_at < %(started_at)s
"""
_COVERED_DAYS = " and t.trade_date = any (%(days)s)"
_LACKING = """
  not exists (select from staged s where s.external_id = t.external_id)
  and not exists (select from staged_rejects x where x.external_id = t.external_id)
"""


def mark(scope: MergeContext, limit: RemovalLimit) -> DeletionCounts:
    """Mark what a landing lacks that may prove it; the counts of what was marked and of what was held back."""
    lacking = _count_lacking(scope)
    if lacking and limit.forbids(lacking, _count_covered(scope)):
        return DeletionCounts(held_back=lacking)
    missing = _mark_missing(scope) if lacking else 0
    return DeletionCounts(missing=missing)


def _where(scope: MergeContext) -> sql.Composable:
    return sql.SQL(_COVERED + (_COVERED_DAYS if scope.plan.has_days else ""))


def _count_covered(scope: MergeContext) -> int:
    return scope.count(sql.SQL("select count(*) from {} t where {}").format(name_of(scope.plan.table), _where(scope)))


def _count_lacking(scope: MergeContext) -> int:
    return scope.count(
        sql.SQL("select count(*) from {} t where {} and {}").format(
            name_of(scope.plan.table), _where(scope), sql.SQL(_LACKING)
        )
    )


def _mark_missing(scope: MergeContext) -> int:
    """The row keeps the instant of the fetch that last held it: from now on no landing confirms it."""
    return scope.run(
        sql.SQL("""
        update {table} o
           set missing_since = %(started_at)s, as_of_at = m.confirmed_at, updated_at = now()
          from (select t.id, {confirmed_at} as confirmed_at from {table} t
        """).format(table=name_of(scope.plan.table), confirmed_at=sql.SQL(CONFIRMED_AT))
        + confirming(scope.plan)
        + sql.SQL(" where {} and {}) m where o.tenant_id = %(tenant)s and o.id = m.id").format(
            _where(scope), sql.SQL(_LACKING)
        )
    ).rowcount


def remove(scope: MergeContext) -> int:
    """Give `removed_at` to the rows whose second proof is complete, an open reject of the id speaking against it.

    Called when the coverage knows this landing. The bound does not apply: it held when the first proof was given.
    """
    proven = _PROVEN_DAYS if scope.plan.has_days else _PROVEN
    within = " and t.trade_date between %(first)s and %(last)s" if scope.plan.has_days else ""
    history = scope.history
    return scope.run(
        sql.SQL("""
        update {table} t set removed_at = now(), updated_at = now()
         where t.tenant_id = %(tenant)s and t.missing_since is not null and t.removed_at is null
           and t.missing_since < ({proven}){within}
           and not exists (select from inn8.rejected_records r where r.tenant_id = t.tenant_id
                            and r.entity = %(entity)s and r.record_key = t.external_id and r.resolved_at is null)
        """).format(table=name_of(scope.plan.table), proven=sql.SQL(proven), within=sql.SQL(within)),
        first=history and history.from_date,
        last=history and history.to_date,
    ).rowcount


_PROVEN = """
  select s.proven_at from inn8.sync_state s where s.tenant_id = %(tenant)s and s.entity = %(entity)s
"""
# A day without proof, or without any landing, makes the least of them null: then nothing is proven.
_PROVEN_DAYS = """
  select case when count(s.proven_at) = count(*) then min(s.proven_at) end
    from generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') as d (day)
    left join inn8.sync_state s on s.tenant_id = %(tenant)s and s.entity = %(entity)s and s.trade_date = d.day::date
"""


def has_waiting(scope: MergeContext) -> bool:
    """Whether a row of the covered days waits for its second proof: then even an unchanged landing is merged."""
    days = " and t.trade_date = any (%(days)s)" if scope.plan.has_days else ""
    return bool(
        scope.count(
            sql.SQL("""
            select count(*) from {} t where t.tenant_id = %(tenant)s and t.missing_since is not null
               and t.removed_at is null
            """).format(name_of(scope.plan.table))
            + sql.SQL(days)
        )
    )
