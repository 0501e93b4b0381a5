"""Find the records that are the same as when their rows were written, so that a tick neither decodes nor stages them.

Each row has the digest of the record that it was made from. SQL compares the digests of a landing with those of the
table, so the counts of these records rest on the table. All other records are decoded and staged, and so are those that
a merge must see in full:

- records that occur twice, and those whose id another staged record has: which one counts is decided by their order;
- records of rows that are missing, removed, hidden or unconfirmed, and those with an open reject of their id;
- for each row of a dimension the newest record that names it, because it decides its attributes.

A row that was edited by hand keeps its digest. Sweeps, backfills and rebuilds compare values and repair it.
"""

from datetime import date

from psycopg import sql

from inn8_pipeline.entities import DimensionReference
from inn8_pipeline.warehouse.database import Statement
from inn8_pipeline.warehouse.landing.chunks import DIGEST_BYTES
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.records.record_source import RecordSource
from inn8_pipeline.warehouse.merge.rejects.exclusions import day_of
from inn8_pipeline.warehouse.schema.landed_pages import NAMED_PAGES

# At first it has all records, and those that differ have no `row_id`; `_delete_others` deletes them.
_CREATE_SAME = sql.SQL(
    """
    create temporary table same_records (
      ordinal bigint not null, digest_hash bigint not null, row_id bigint, external_id text collate "C",
      trade_date date, is_wanted boolean {keys}
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


def find(context: MergeContext) -> list[int] | None:
    """Find the records that are the same; return the ordinals of all others, which must be decoded.

    None if all are to be decoded and none counts as the same, because more than half of them differ. No record is read:
    their digests are stored with their pages.
    """
    if not context.count(_HAS_DIGESTS.format(table=name_of(context.plan.table), within=_within(context))):
        return None
    pages = {"digests": list(context.landing.digests)}
    context.run(_STORE_DIGESTS, **pages)
    if context.count(_COUNT_SENT, **pages) != context.landing.records:
        return None
    context.run(_insert_same(context), **pages)
    others = _delete_others(context)
    if len(others) * 2 > context.landing.records:
        context.run(sql.SQL("truncate same_records"))
        return None
    context.run(sql.SQL("analyze same_records"))
    return others


def count_skipped(context: MergeContext) -> int:
    """Count the records that are the same, but whose day is not merged."""
    return context.count(sql.SQL("select count(*) from same_records where not is_wanted"))


_PAGES = sql.SQL("{pages} join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256").format(
    pages=NAMED_PAGES
)
# An older version stored no digests with its pages, and Python cannot split each of them. JSON keeps each record as is.
_STORE_DIGESTS = sql.SQL(
    """
    update inn8_raw.pages u
       set record_digests = (
             select coalesce(string_agg(substring(sha256(convert_to(e.record::text, 'UTF8')) for {size}), ''
                                        order by e.place), '')
               from json_array_elements(u.body) with ordinality as e (record, place))
     where u.tenant_id = %(tenant)s and u.record_digests is null
       and u.sha256 in (select p.sha256 from {pages} where p.record_digests is null)
    """
).format(size=sql.Literal(DIGEST_BYTES), pages=_PAGES)
_COUNT_SENT = sql.SQL("select coalesce(sum(p.record_count), 0) from {pages}").format(pages=_PAGES)
# The digests are unpacked once for each page by the concatenation, and not once for each record.
_INSERT_SAME = sql.SQL(
    """
    insert into same_records (ordinal, digest_hash, row_id, external_id, trade_date, is_wanted {keys})
    select d.ordinal, hashbyteaextended(d.record_digest, 0), t.id, t.external_id, {day}, {is_wanted} {row_keys}
      from (select p.first + n.number as ordinal,
                   substring(p.record_digests from n.number * {size} + 1 for {size}) as record_digest
              from (select sum(p.record_count) over (order by d.place) - p.record_count as first, p.record_count,
                           p.record_digests || '' as record_digests from {pages}) p
             cross join lateral generate_series(0, p.record_count - 1) as n (number)) d
      left join {table} t
           on t.record_digest = d.record_digest || %(digest_version)s and t.tenant_id = %(tenant)s
              and t.missing_since is null and t.removed_at is null {is_shown} {within} {is_settled}
    """
)
_HAS_OPEN_REJECTS = sql.SQL(
    """
    select count(*) from (
      select from inn8.rejected_records where tenant_id = %(tenant)s and entity = %(entity)s and resolved_at is null
       limit 1) o
    """
)
_HAS_UNCONFIRMED = sql.SQL(
    """
    select count(*) from (
      select from inn8.unconfirmed_rows where tenant_id = %(tenant)s and entity = %(entity)s limit 1) o
    """
)
_HAS_NO_OPEN_REJECT = sql.SQL(
    """
    and not exists (select from inn8.rejected_records r where r.tenant_id = t.tenant_id and r.entity = %(entity)s
                     and r.record_key = t.external_id and r.resolved_at is null)
    """
)
_IS_CONFIRMED = sql.SQL(
    """
    and not exists (select from inn8.unconfirmed_rows u where u.tenant_id = t.tenant_id and u.entity = %(entity)s
                     and u.row_id = t.id)
    """
)
_IS_SHOWN = sql.SQL("and t.hidden_since is null")
_IS_WANTED = sql.SQL("t.trade_date = any (%(days)s)")
# A digest twice in the landing is a duplicate; one twice in the table is that of a row that was copied by hand. Two
# digests with one hash are decoded for nothing.
_DELETE_OTHERS = sql.SQL(
    """
    delete from same_records
     where row_id is null
        or digest_hash in (select digest_hash from same_records group by 1 having count(*) > 1)
    returning ordinal
    """
)
_DELETE_NEWEST = sql.SQL(
    """
    delete from same_records
     where ordinal in (select max((trade_date - date 'epoch')::bigint * {shift} + ordinal) & ({shift} - 1)
                         from same_records where is_wanted and {key} is not null group by {key})
    returning ordinal
    """
)
_SHIFT = sql.Literal(2**40)


def _insert_same(context: MergeContext) -> sql.Composed:
    plan, keys = context.plan, _keys(context)
    # Each costs 0.2 s of half a million rows, even if it finds none.
    is_settled = [
        condition
        for question, condition in ((_HAS_OPEN_REJECTS, _HAS_NO_OPEN_REJECT), (_HAS_UNCONFIRMED, _IS_CONFIRMED))
        if context.count(question)
    ]
    return _INSERT_SAME.format(
        table=name_of(plan.table),
        pages=_PAGES,
        size=sql.Literal(DIGEST_BYTES),
        keys=sql.SQL("").join(sql.SQL(", {}").format(each) for each in keys),
        row_keys=sql.SQL("").join(sql.SQL(", t.{}").format(each) for each in keys),
        day=day_of(plan, "t"),
        is_wanted=_IS_WANTED if plan.has_days else sql.SQL("true"),
        is_shown=_IS_SHOWN if plan.entity.references else sql.SQL(""),
        within=_within(context),
        is_settled=sql.SQL("").join(is_settled),
    )


def _delete_others(context: MergeContext) -> list[int]:
    """Delete the records that must be decoded; return their ordinals."""
    return sorted({row["ordinal"] for each in _deletions(context) for row in context.run(each)})


def _deletions(context: MergeContext) -> list[Statement]:
    return [_DELETE_OTHERS, *(_DELETE_NEWEST.format(key=key, shift=_SHIFT) for key in _keys(context))]


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
