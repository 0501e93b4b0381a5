"""Exclude staged rows from the merge, and record under which count each of them is counted.

These rows are excluded, in this order: rows older than the row in the table (`skipped`), rows without a known parent
(`rejected`), and rows whose id occurs again later in the landing (`duplicate`). Rejects are excluded before
duplicates, so that the last *valid* record of an id is merged.
"""

from psycopg import sql

from inn8_pipeline.entities import ReasonCode
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import MergePlan, Parent, name_of
from inn8_pipeline.warehouse.schema.landed_pages import pages_of

# The start of the last fetch that had the row as it is in the table. It is the last fetch merged for its day, or, if
# that fetch lacked the row (missing, unconfirmed) or had it as an open reject, the fetch that wrote the row.
CONFIRMED_AT = sql.SQL(
    """
    case when t.missing_since is not null or r.id is not null then t.as_of_at
         when u.row_id is not null then greatest(t.as_of_at, u.confirmed_at)
         else greatest(t.as_of_at, l.as_of_at) end
    """
)
_CONFIRMING_JOINS = sql.SQL(
    """
    left join inn8.sync_coverage c on c.tenant_id = t.tenant_id and c.entity = %(entity)s and c.trade_date {day}
    left join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
    left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = %(entity)s
         and r.record_key = t.external_id and r.resolved_at is null
    left join inn8.unconfirmed_rows u on u.tenant_id = t.tenant_id and u.entity = %(entity)s and u.row_id = t.id
    """
)


def day_of(plan: MergePlan, alias: str) -> sql.Composable:
    """Return the expression for the day of trade of a row; null for entities without days."""
    return sql.Identifier(alias, "trade_date") if plan.has_days else sql.SQL("null::date")


def confirming_joins(plan: MergePlan) -> sql.Composable:
    """Return the joins that `CONFIRMED_AT` needs, for a table under the alias t."""
    return _CONFIRMING_JOINS.format(day=sql.SQL("= t.trade_date" if plan.has_days else "is null"))


_EXCLUDE_OLDER = sql.SQL(
    """
    insert into exclusions (ordinal, counted_as, trade_date)
    select s.ordinal, 'skipped', {day}
      from staged s
      join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id
      {joins}
     where (s.ordinal < 0 or %(is_late)s) and {confirmed_at} > s.as_of_at
    """
)


def exclude_older(context: MergeContext) -> int:
    """Exclude the rows that a later fetch has written or confirmed; return how many.

    Thus neither an out-of-order landing nor a retried reject overwrites newer data. In order, only retried
    rejects can be older than the table.
    """
    plan = context.plan
    statement = _EXCLUDE_OLDER.format(
        table=name_of(plan.table), day=day_of(plan, "s"), joins=confirming_joins(plan), confirmed_at=CONFIRMED_AT
    )
    return context.run(statement, is_late=context.is_late).rowcount


_EXCLUDE_ORPHANS = sql.SQL(
    """
    insert into exclusions (ordinal, counted_as, trade_date)
    select s.ordinal, 'rejected', {day}
      from staged s
     where not exists (select from {parent} p where p.tenant_id = %(tenant)s and p.external_id = s.{staged})
        on conflict do nothing
    """
)
_STAGE_ORPHANS = sql.SQL(
    """
    insert into staged_rejects
      (ordinal, record_key, external_id, trade_date, reason_code, reason, payload, as_of_at, unknown_parent_id)
    select s.ordinal, coalesce(o.record_key, s.external_id), s.external_id, {day}, %(code)s, %(reason)s, o.payload,
           s.as_of_at, s.{staged}
      from ({payloads}) o
      join staged s using (ordinal)
        on conflict do nothing
    """
)
# Each page with an orphan is parsed once. The payload of a retried reject is taken from the reject, which is looked up
# (`offset 0`): with old statistics of the rejects, a join could read all exclusions for each reject.
_ORPHANS_PAYLOADS = sql.SQL(
    """
    select a.ordinal, e.payload, null as record_key
      from (select d.sha256, sum(p.record_count) over (order by d.place) - p.record_count as first_ordinal,
                   p.record_count
              from inn8_raw.landings l {pages}
              join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
             where l.tenant_id = %(tenant)s and l.id = %(landing)s) g
      join inn8_raw.pages p on p.tenant_id = %(tenant)s and p.sha256 = g.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (payload, place)
      join exclusions a on a.ordinal = g.first_ordinal + e.place - 1 and a.counted_as = 'rejected'
     where exists (select from exclusions b where b.counted_as = 'rejected'
                    and b.ordinal >= g.first_ordinal and b.ordinal < g.first_ordinal + g.record_count)
    union all
    select a.ordinal, r.payload, r.record_key
      from exclusions a
     cross join lateral (select r.payload, r.record_key from inn8.rejected_records r
                          where r.tenant_id = %(tenant)s and r.id = -a.ordinal offset 0) r
     where a.counted_as = 'rejected' and a.ordinal < 0
    """
).format(pages=pages_of("l"))


def exclude_orphans(context: MergeContext) -> None:
    """Reject the rows whose required parent is unknown. The payload is taken from the landing or the old reject."""
    for parent in context.plan.parents:
        if parent.is_required:
            _exclude_orphans(context, parent)


def _exclude_orphans(context: MergeContext, parent: Parent) -> None:
    day, staged = day_of(context.plan, "s"), sql.Identifier(parent.staged)
    excluded = context.run(_EXCLUDE_ORPHANS.format(day=day, parent=name_of(parent.table), staged=staged))
    if excluded.rowcount:
        context.run(_ANALYZE)
        context.run(
            _STAGE_ORPHANS.format(day=day, staged=staged, payloads=_ORPHANS_PAYLOADS),
            code=str(ReasonCode.UNKNOWN_PARENT),
            reason=f"{parent.source} names no known {parent.singular}",
        )
        context.run(_ANALYZE)


# Without statistics the planner expects one orphan, and reads all staged rows for each. For the same reason the orphans
# that are staged already are found by the primary key (`on conflict`): with `not exists` 50,000 orphans took 445 s.
_ANALYZE = sql.SQL("analyze exclusions, staged_rejects")
_EXCLUDE_DUPLICATES = sql.SQL(
    """
    insert into exclusions (ordinal, counted_as, trade_date)
    select ordinal, 'duplicate', trade_date
      from (select s.ordinal, {day} as trade_date,
                   row_number() over (partition by s.external_id order by s.ordinal desc) as place
              from staged s
             where s.external_id in (select external_id from staged group by external_id having count(*) > 1)
               and not exists (select from exclusions a where a.ordinal = s.ordinal)) o
     where place > 1
    """
)


def exclude_duplicates(context: MergeContext) -> None:
    """Exclude all but the last one of several valid rows with the same id."""
    context.run(_EXCLUDE_DUPLICATES.format(day=day_of(context.plan, "s")))


_COUNT_MERGED = sql.SQL(
    "select count(*) from staged s where not exists (select from exclusions a where a.ordinal = s.ordinal)"
)


def count_merged(context: MergeContext) -> int:
    """Return the number of staged rows that are not excluded."""
    return context.count(_COUNT_MERGED)


_MERGED_ROWS = sql.SQL(
    """
    select s.external_id, s.as_of_at, s.record_digest || %(digest_version)s as record_digest, {columns}
      from staged s {joins}
     where not exists (select from exclusions a where a.ordinal = s.ordinal)
    """
)
_PARENT_JOIN = sql.SQL(
    "{outer} join {table} as {alias} on {alias}.tenant_id = %(tenant)s and {alias}.external_id = s.{staged}"
)


def merged_rows(plan: MergePlan) -> sql.Composable:
    """Return the query of the rows that are merged, with our own keys in place of the parents' external ids."""
    keys = {parent.column: sql.Identifier(parent.column, "id") for parent in plan.parents}
    columns = [
        sql.SQL("{} as {}").format(keys.get(name, sql.Identifier("s", name)), sql.Identifier(name))
        for name in plan.values
    ]
    joins = [
        _PARENT_JOIN.format(
            outer=sql.SQL("") if parent.is_required else sql.SQL("left"),
            table=name_of(parent.table),
            alias=sql.Identifier(parent.column),
            staged=sql.Identifier(parent.staged),
        )
        for parent in plan.parents
    ]
    return _MERGED_ROWS.format(columns=sql.SQL(", ").join(columns), joins=sql.SQL(" ").join(joins))
