"""The writing: what is new is inserted, what differs is updated, what is the same is compared and left alone."""

from collections import Counter
from datetime import date

from psycopg import sql

from inn8_pipeline.warehouse.merge.exclusions import day_of, winners
from inn8_pipeline.warehouse.merge.plan import DimensionPlan, name_of, names
from inn8_pipeline.warehouse.merge.staging import MergeContext


def merge_rows(scope: MergeContext) -> Counter[tuple[str, date | None]]:
    """Merge the winners into the table; the rows written, by action (`inserted`, `updated`) and day.

    A row that was missing or removed is revived: an update, also where its values are the same.
    """
    plan = scope.plan
    set_values = sql.SQL(", ").join(
        sql.SQL("{} = s.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in plan.values
    )
    written = scope.run(
        sql.SQL("""
        with written as (
          merge into {table} t
          using ({winners}) s on t.tenant_id = %(tenant)s and t.external_id = s.external_id
          when matched and (({target}) is distinct from ({source}) or t.missing_since is not null) then
            update set {set_values}, as_of_at = s.as_of_at, missing_since = null, removed_at = null, updated_at = now()
          when not matched then
            insert (tenant_id, external_id, as_of_at, {columns})
            values (%(tenant)s, s.external_id, s.as_of_at, {source})
          returning merge_action() as action, {day} as trade_date)
        select case action when 'INSERT' then 'inserted' else 'updated' end, trade_date, count(*)
          from written group by 1, 2
        """).format(
            table=name_of(plan.table),
            winners=winners(plan),
            target=names(plan.values, "t"),
            source=names(plan.values, "s"),
            set_values=set_values,
            columns=names(plan.values),
            day=day_of(plan, "t"),
        )
    )
    return Counter({(action, day): count for action, day, count in written})


def count_unchanged(scope: MergeContext) -> Counter[date | None]:
    """The winners that stand in the table, value for value, and were not written now: by day.

    Read back from the table after the merge: the reconciliation's other half does not rest on the merge's own word.
    A winner that the table holds differently is counted by nobody, so that the law fails.
    """
    # The condition filters the count and not the join: as a condition the planner took it for one in millions.
    plan = scope.plan
    unchanged = scope.run(
        sql.SQL("""
        select {day}, count(*) filter (
                 where ({target}) is not distinct from ({source}) and t.missing_since is null and t.updated_at <> now())
          from ({winners}) s
          join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id
         group by 1
        """).format(
            day=day_of(plan, "t"),
            winners=winners(plan),
            table=name_of(plan.table),
            target=names(plan.values, "t"),
            source=names(plan.values, "s"),
        )
    )
    return Counter({day: count for day, count in unchanged if count})


def merge_dimension(scope: MergeContext, dimension: DimensionPlan) -> dict[str, int]:
    """Merge the staged rows of a dimension; an older day of trade changes nothing.

    Of the same day nothing is staged from an older fetch, except by rejects that are tried again: such a record decides
    its object's attributes only where its day is newer than all seen.
    """
    written = scope.run(
        sql.SQL("""
        with newest as (
          select distinct on (s.external_id) s.*, coalesce(r.as_of_at, %(started_at)s) as as_of_at
            from {staged} s
            left join inn8.rejected_records r on r.tenant_id = %(tenant)s and r.id = -s.ordinal
           order by s.external_id, s.trade_date desc, s.ordinal desc),
        written as (
          merge into {table} t using newest s on t.tenant_id = %(tenant)s and t.external_id = s.external_id
          when matched and ({target}, t.as_of_date) is distinct from ({source}, s.trade_date)
               and (s.trade_date > t.as_of_date or s.trade_date = t.as_of_date and s.ordinal >= 0) then
            update set ({columns}) = row ({source}), as_of_date = s.trade_date, as_of_at = s.as_of_at,
                       updated_at = now()
          when not matched then
            insert (tenant_id, external_id, as_of_date, as_of_at, {columns})
            values (%(tenant)s, s.external_id, s.trade_date, s.as_of_at, {source})
          returning merge_action() as action)
        select case action when 'INSERT' then 'inserted' else 'updated' end, count(*) from written group by 1
        """).format(
            staged=sql.Identifier(dimension.staged),
            table=name_of(dimension.table),
            columns=names(dimension.columns),
            target=names(dimension.columns, "t"),
            source=names(dimension.columns, "s"),
        )
    )
    return dict(written.fetchall())
