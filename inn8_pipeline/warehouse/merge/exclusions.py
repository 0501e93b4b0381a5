"""Which staged rows are not merged, and why: each of them leaves by a named exit and is counted.

In this order: older than what stands in the table (`skipped`), without a known parent (`rejected`), sent again later in
the same landing (`duplicate`): rejects leave before duplicates, so the last *sound* one wins.
"""

from psycopg import sql

from inn8_pipeline.entities import ReasonCode
from inn8_pipeline.warehouse.merge.plan import MergePlan, Parent, name_of
from inn8_pipeline.warehouse.merge.staging import MergeContext

# The last fetch that is known to have held the row as it stands: the one that wrote it, or the last one merged for its
# day, unless that one lacked it (missing) or refused it (an open reject).
CONFIRMED_AT = """
  case when t.missing_since is null and r.id is null then greatest(t.as_of_at, l.as_of_at) else t.as_of_at end
"""
CONFIRMING = """
  left join inn8.sync_coverage c on c.tenant_id = t.tenant_id and c.entity = %(entity)s
       and c.trade_date {day}
  left join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
  left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = %(entity)s
       and r.record_key = t.external_id and r.resolved_at is null
"""


def day_of(plan: MergePlan, alias: str) -> sql.Composable:
    """The row's day of trade; null for entities without days."""
    return sql.Identifier(alias, "trade_date") if plan.has_days else sql.SQL("null::date")


def confirming(plan: MergePlan) -> sql.Composable:
    """The joins that `CONFIRMED_AT` needs, for a table under the alias t."""
    return sql.SQL(CONFIRMING).format(day=sql.SQL("= t.trade_date" if plan.has_days else "is null"))


def set_aside_older(scope: MergeContext) -> int:
    """What a newer fetch has confirmed or written since is not overwritten, neither by a late landing nor by a reject.

    Returns how many were set aside.

    A landing that is not late holds nothing older than the table; only the rejects tried again can be.
    """
    plan = scope.plan
    return scope.run(
        sql.SQL("""
        insert into set_aside (ordinal, why, trade_date)
        select s.ordinal, 'skipped', {day}
          from staged s
          join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id
        """).format(table=name_of(plan.table), day=day_of(plan, "s"))
        + confirming(plan)
        + sql.SQL("where (s.ordinal < 0 or %(is_late)s) and {} > s.as_of_at").format(sql.SQL(CONFIRMED_AT)),
        is_late=scope.is_late,
    ).rowcount


def set_aside_orphans(scope: MergeContext) -> None:
    """Rows whose required parent is unknown become rejects, with the payload that the landing or the reject keeps."""
    for parent in scope.plan.parents:
        if parent.is_required:
            _set_aside_orphans(scope, parent)


def _set_aside_orphans(scope: MergeContext, parent: Parent) -> None:
    orphaned = scope.run(
        sql.SQL("""
        insert into set_aside (ordinal, why, trade_date)
        select s.ordinal, 'rejected', {day}
          from staged s
         where not exists (select from {parent} p where p.tenant_id = %(tenant)s and p.external_id = s.{staged})
            on conflict do nothing
        """).format(day=day_of(scope.plan, "s"), parent=name_of(parent.table), staged=sql.Identifier(parent.staged))
    )
    if not orphaned.rowcount:
        return
    reason = f"{parent.source} names no known {parent.singular}"
    scope.run(
        sql.SQL("""
        insert into staged_rejects
          (ordinal, record_key, external_id, trade_date, reason_code, reason, payload, as_of_at)
        select s.ordinal, coalesce(o.record_key, s.external_id), s.external_id, {day}, %(code)s, %(reason)s,
               o.payload, s.as_of_at
          from ({payloads}) o
          join staged s using (ordinal)
        """).format(day=day_of(scope.plan, "s"), payloads=sql.SQL(_PAYLOADS)),
        code=str(ReasonCode.UNKNOWN_PARENT),
        reason=reason,
    )


# Each page with an orphan is opened once. What is tried again has its payload in the reject.
_PAYLOADS = """
  select a.ordinal, e.payload, null as record_key
    from (select d.sha256, sum(p.record_count) over (order by d.place) - p.record_count as first_ordinal, p.record_count
            from inn8_raw.landings l
            cross join lateral unnest(l.page_digests) with ordinality as d (sha256, place)
            join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
           where l.tenant_id = %(tenant)s and l.id = %(landing)s) g
    join inn8_raw.pages p on p.tenant_id = %(tenant)s and p.sha256 = g.sha256
    cross join lateral json_array_elements(p.body) with ordinality as e (payload, place)
    join set_aside a on a.ordinal = g.first_ordinal + e.place - 1 and a.why = 'rejected'
   where exists (select from set_aside b where b.why = 'rejected'
                  and b.ordinal >= g.first_ordinal and b.ordinal < g.first_ordinal + g.record_count)
  union all
  select a.ordinal, r.payload, r.record_key
    from set_aside a
    join inn8.rejected_records r on r.tenant_id = %(tenant)s and r.id = -a.ordinal
   where a.why = 'rejected' and a.ordinal < 0
"""


def count_winners(scope: MergeContext) -> int:
    """The staged rows that none of this has set aside."""
    return scope.count(
        "select count(*) from staged s where not exists (select from set_aside a where a.ordinal = s.ordinal)"
    )


def set_aside_duplicates(scope: MergeContext) -> None:
    """Of several sound rows of one id the last one stays."""
    scope.run(
        sql.SQL("""
        insert into set_aside (ordinal, why, trade_date)
        select ordinal, 'duplicate', trade_date
          from (select s.ordinal, {day} as trade_date,
                       row_number() over (partition by s.external_id order by s.ordinal desc) as place
                  from staged s
                 where s.external_id in (select external_id from staged group by external_id having count(*) > 1)
                   and not exists (select from set_aside a where a.ordinal = s.ordinal)) o
         where place > 1
        """).format(day=day_of(scope.plan, "s"))
    )


def winners(plan: MergePlan) -> sql.Composable:
    """The staged rows that are merged, with our own keys in place of the parents' external ids."""
    keys = {parent.column: sql.Identifier(parent.column, "id") for parent in plan.parents}
    columns = [
        sql.SQL("{} as {}").format(keys.get(name, sql.Identifier("s", name)), sql.Identifier(name))
        for name in plan.values
    ]
    joins = [
        sql.SQL(
            "{outer} join {table} as {alias} on {alias}.tenant_id = %(tenant)s and {alias}.external_id = s.{staged}"
        ).format(
            outer=sql.SQL("") if parent.is_required else sql.SQL("left"),
            table=name_of(parent.table),
            alias=sql.Identifier(parent.column),
            staged=sql.Identifier(parent.staged),
        )
        for parent in plan.parents
    ]
    return sql.SQL("""
        select s.external_id, s.as_of_at, {columns}
          from staged s {joins}
         where not exists (select from set_aside a where a.ordinal = s.ordinal)
    """).format(columns=sql.SQL(", ").join(columns), joins=sql.SQL(" ").join(joins))
