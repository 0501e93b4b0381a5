"""Write the table: insert new rows and update rows that differ. Rows that are the same are not written."""

from collections import Counter
from datetime import date

from psycopg import sql

from inn8_pipeline.warehouse.merge import watermarks
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import DimensionPlan, name_of, names
from inn8_pipeline.warehouse.merge.rejects.exclusions import day_of, merged_rows
from inn8_pipeline.warehouse.merge.rejects.visibility import hidden_assignment, is_shown_again

_MERGE_ROWS = sql.SQL(
    """
    with written as (
      merge into {table} t
      using ({rows}) s on t.tenant_id = %(tenant)s and t.external_id = s.external_id
      when matched and (({target}) is distinct from ({source}) or t.missing_since is not null
                         or {is_shown_again}) then
        update set {assignments}, as_of_at = s.as_of_at, missing_since = null, removed_at = null, updated_at = now(),
                   record_digest = s.record_digest {hidden_assignment}
      when matched and t.record_digest is distinct from s.record_digest then
        update set record_digest = s.record_digest
      when not matched then
        insert (tenant_id, external_id, as_of_at, landing_id, valid_from, record_digest, {columns})
        values (%(tenant)s, s.external_id, s.as_of_at, %(landing)s, %(changed_at)s, s.record_digest, {source})
      returning merge_action() as action, t.updated_at = now() as is_written, {day} as trade_date)
    select case action when 'INSERT' then 'inserted' else 'updated' end as action, trade_date, count(*) as count
      from written where is_written group by 1, 2
    """
)


def merge_rows(context: MergeContext) -> Counter[tuple[str, date | None]]:
    """Merge the rows that are not excluded; return the rows written, by action (`inserted`, `updated`) and day.

    A row that was missing or removed is revived, and one that was hidden is shown again. That counts as an update, even
    if its values are the same. If only the digest of the record is new, it is stored, but the row is unchanged.
    """
    plan = context.plan
    written = context.run(
        _MERGE_ROWS.format(
            table=name_of(plan.table),
            rows=merged_rows(plan),
            target=names(plan.values, "t"),
            source=names(plan.values, "s"),
            assignments=_assignments(plan.values),
            is_shown_again=is_shown_again(plan),
            hidden_assignment=hidden_assignment(plan),
            columns=names(plan.values),
            day=day_of(plan, "t"),
        )
    )
    return Counter({(row["action"], row["trade_date"]): row["count"] for row in written})


def _assignments(columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("{} = s.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in columns
    )


_COUNT_DAMAGED = sql.SQL(
    """
    select count(*)
      from ({rows}) s
      join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id
     where t.record_digest = s.record_digest and ({target}) is distinct from ({source})
    """
)


def count_damaged(context: MergeContext) -> int:
    """Count the rows that differ from the record that they were made from: somebody has changed them by hand.

    Call it before the rows are merged, which repairs them.
    """
    plan = context.plan
    if not watermarks.has_rows(context):
        return 0
    return context.count(
        _COUNT_DAMAGED.format(
            rows=merged_rows(plan),
            table=name_of(plan.table),
            target=names(plan.values, "t"),
            source=names(plan.values, "s"),
        )
    )


# The condition filters the count, not the join: in the join it would make the planner expect one row of millions.
_COUNT_UNCHANGED = sql.SQL(
    """
    select {day} as trade_date, count(*) filter (
             where ({target}) is not distinct from ({source}) and t.missing_since is null
               and t.updated_at <> now()) as count
      from ({rows}) s
      join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id
     group by 1
    """
)


def count_unchanged(context: MergeContext) -> Counter[date | None]:
    """Count by day the rows that this merge did not write because the table already had the same values.

    The table is read after the merge, so that the reconciliation does not rely on what the merge reports. A row that
    differs from the table is not counted, and the reconciliation fails.
    """
    plan = context.plan
    unchanged = context.run(
        _COUNT_UNCHANGED.format(
            day=day_of(plan, "t"),
            rows=merged_rows(plan),
            table=name_of(plan.table),
            target=names(plan.values, "t"),
            source=names(plan.values, "s"),
        )
    )
    return Counter({row["trade_date"]: row["count"] for row in unchanged if row["count"]})


_MERGE_DIMENSION = sql.SQL(
    """
    with newest as (
      select distinct on (s.external_id) s.*, coalesce(r.as_of_at, %(started_at)s) as as_of_at
        from {staged} s
        left join inn8.rejected_records r on r.tenant_id = %(tenant)s and r.id = -s.ordinal
       order by s.external_id, s.trade_date desc, s.ordinal desc),
    written as (
      merge into {table} t using newest s on t.tenant_id = %(tenant)s and t.external_id = s.external_id
      when matched and ({target}, t.as_of_date) is distinct from ({source}, s.trade_date)
           and (s.trade_date > t.as_of_date or s.trade_date = t.as_of_date and s.ordinal >= 0) then
        update set ({columns}) = row ({source}), as_of_date = s.trade_date, as_of_at = s.as_of_at, updated_at = now()
      when not matched then
        insert (tenant_id, external_id, as_of_date, as_of_at, landing_id, valid_from, {columns})
        values (%(tenant)s, s.external_id, s.trade_date, s.as_of_at, %(landing)s, %(changed_at)s, {source})
      returning merge_action() as action)
    select case action when 'INSERT' then 'inserted' else 'updated' end as action, count(*) as count
      from written group by 1
    """
)


def merge_dimension(context: MergeContext, dimension: DimensionPlan) -> dict[str, int]:
    """Merge the staged rows of a dimension; return the numbers of rows inserted and updated.

    A row of an older day of trade changes nothing. Staged rows of the same day are never from an older fetch, except
    those of retried rejects, which therefore change a row only if their day is newer.
    """
    written = context.run(
        _MERGE_DIMENSION.format(
            staged=sql.Identifier(dimension.staged),
            table=name_of(dimension.table),
            columns=names(dimension.columns),
            target=names(dimension.columns, "t"),
            source=names(dimension.columns, "s"),
        )
    )
    return {row["action"]: row["count"] for row in written}
