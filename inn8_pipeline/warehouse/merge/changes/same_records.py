"""Find the records that are the same as when their rows were written, so that a tick neither decodes nor stages them.

Each row has the digest of the record that it was made from. SQL compares the digests of a landing with those of the
table, so the counts of these records rest on the table. All other records are decoded and staged, and so are those that
a merge must see in full:

- records that occur twice, and those whose id another staged record has: which one counts is decided by their order;
- records of rows that are missing, removed, hidden or unconfirmed, and those with an open reject of their id;
- for each row of a dimension the newest record that names it, because it decides its attributes.

A row that was edited by hand keeps its digest. Sweeps, backfills and rebuilds compare values and repair it.
"""

import struct
from datetime import date

from psycopg import sql

from inn8_pipeline.entities import DimensionReference
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.record_source import RecordSource
from inn8_pipeline.warehouse.merge.rejects.exclusions import day_of

_CREATE_SENT = sql.SQL(
    "create temporary table sent_digests (ordinal bigint not null, record_digest bytea not null) on commit drop"
)
_CREATE_SAME = sql.SQL(
    """
    create temporary table same_records (
      ordinal bigint not null, row_id bigint not null, external_id text collate "C" not null, trade_date date,
      is_wanted boolean not null {keys}
    ) on commit drop
    """
)
_HAS_DIGESTS = sql.SQL(
    """
    select count(*) from (
      select from {table} t where t.tenant_id = %(tenant)s and t.record_digest is not null {within} limit 1) o
    """
)
_WITHIN = sql.SQL("and t.trade_date between %(from_date)s::date - 1 and %(to_date)s::date + 1")


def create(context: MergeContext) -> None:
    """Create the table of the records that are the same, empty."""
    context.run(_CREATE_SAME.format(keys=sql.SQL("").join(map(_KEY_COLUMN.format, _keys(context)))))


_KEY_COLUMN = sql.SQL(", {} bigint")


def _keys(context: MergeContext) -> list[sql.Identifier]:
    return [sql.Identifier(each.name) for each in context.entity.columns if isinstance(each, DimensionReference)]


def find(context: MergeContext, source: RecordSource) -> int:
    """Find the records that are the same, and let the source yield all others; return how many are not wanted.

    If more than half of the records differ, all are decoded, and none counts as the same.
    """
    if not context.count(_HAS_DIGESTS.format(table=name_of(context.plan.table), within=_within(context))):
        return 0
    context.run(_CREATE_SENT)
    records = context.landing.records
    if _copy_digests(context, source) != records:
        return 0
    context.run(sql.SQL("analyze sent_digests"))
    _insert_same(context)
    context.run(sql.SQL("analyze same_records"))
    same = context.count(sql.SQL("select count(*) from same_records"))
    if same * 2 < records:
        context.run(sql.SQL("truncate same_records"))
        return 0
    source.choose([row["ordinal"] for row in context.run(_OTHERS)])
    return context.count(sql.SQL("select count(*) from same_records where not is_wanted"))


_COPY_DIGESTS = sql.SQL("copy sent_digests from stdin (format binary)")
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_ROW = struct.Struct(">hiqi16s")
_END = b"\xff\xff"


def _copy_digests(context: MergeContext, source: RecordSource) -> int:
    """Copy the digests of all records, in Postgres's binary format; return how many."""
    ordinal = 0
    with context.cursor().copy(_COPY_DIGESTS) as copy:
        copy.write(_HEADER)
        for page in source.digests():
            copy.write(b"".join([_ROW.pack(2, 8, number, 16, each) for number, each in enumerate(page, ordinal)]))
            ordinal += len(page)
        copy.write(_END)
    return ordinal


_INSERT_SAME = sql.SQL(
    """
    insert into same_records (ordinal, row_id, external_id, trade_date, is_wanted {keys})
    select d.ordinal, t.id, t.external_id, {day}, {is_wanted} {row_keys}
      from sent_digests d
      join {table} t on t.record_digest = d.record_digest || %(digest_version)s
     where t.tenant_id = %(tenant)s and t.missing_since is null and t.removed_at is null {is_shown} {within}
       and not exists (select from inn8.rejected_records r where r.tenant_id = t.tenant_id and r.entity = %(entity)s
                        and r.record_key = t.external_id and r.resolved_at is null)
       and not exists (select from inn8.unconfirmed_rows u where u.tenant_id = t.tenant_id and u.entity = %(entity)s
                        and u.row_id = t.id)
    """
)
_IS_SHOWN = sql.SQL("and t.hidden_since is null")
_IS_WANTED = sql.SQL("t.trade_date = any (%(days)s)")
# A digest twice in the landing is a duplicate; one twice in the table is that of a row that was copied by hand.
_DELETE_AMBIGUOUS = sql.SQL(
    """
    delete from same_records
     where ordinal in (select ordinal from same_records group by 1 having count(*) > 1)
        or row_id in (select row_id from same_records group by 1 having count(*) > 1)
    """
)
_DELETE_NEWEST = sql.SQL(
    """
    delete from same_records
     where ordinal in (select max((trade_date - date 'epoch')::bigint * {shift} + ordinal) & ({shift} - 1)
                         from same_records where is_wanted and {key} is not null group by {key})
    """
)
_SHIFT = sql.Literal(2**40)
_OTHERS = sql.SQL(
    """
    select d.ordinal from sent_digests d where not exists (select from same_records m where m.ordinal = d.ordinal)
     order by 1
    """
)


def _insert_same(context: MergeContext) -> None:
    plan, keys = context.plan, _keys(context)
    context.run(
        _INSERT_SAME.format(
            table=name_of(plan.table),
            keys=sql.SQL("").join(sql.SQL(", {}").format(each) for each in keys),
            row_keys=sql.SQL("").join(sql.SQL(", t.{}").format(each) for each in keys),
            day=day_of(plan, "t"),
            is_wanted=_IS_WANTED if plan.has_days else sql.SQL("true"),
            is_shown=_IS_SHOWN if plan.entity.references else sql.SQL(""),
            within=_within(context),
        )
    )
    context.run(_DELETE_AMBIGUOUS)
    for key in keys:
        context.run(_DELETE_NEWEST.format(key=key, shift=_SHIFT))


def _within(context: MergeContext) -> sql.SQL:
    return _WITHIN if context.plan.has_days else sql.SQL("")


_DELETE_STAGED = sql.SQL(
    """
    delete from same_records m
     where exists (select from staged s where s.external_id = m.external_id)
        or exists (select from staged_rejects x where x.external_id = m.external_id)
    returning ordinal, is_wanted
    """
)


def choose_staged(context: MergeContext, source: RecordSource) -> int | None:
    """Let the source yield the records whose id was staged by now; return how many of them are not wanted.

    None if there are none: then the records that are the same have ids of their own.
    """
    found = context.run(_DELETE_STAGED).fetchall()
    if not found:
        return None
    source.choose(sorted(row["ordinal"] for row in found))
    return sum(not row["is_wanted"] for row in found)


def are_any(context: MergeContext) -> bool:
    """Return True if there are records that are the same, and that are neither decoded nor staged."""
    return bool(context.count(sql.SQL("select count(*) from (select from same_records limit 1) o")))


_COUNT_UNCHANGED = sql.SQL(
    """
    select m.trade_date, count(*) as count
      from same_records m
      join {table} t on t.tenant_id = %(tenant)s and t.id = m.row_id
     where m.is_wanted and t.record_digest is not null and t.missing_since is null and t.updated_at <> now()
     group by 1
    """
)


def count_unchanged(context: MergeContext) -> dict[date | None, int]:
    """Count by day the rows of the records that are the same, as the merge has left them in the table."""
    found = context.run(_COUNT_UNCHANGED.format(table=name_of(context.plan.table)))
    return {row["trade_date"]: row["count"] for row in found}
