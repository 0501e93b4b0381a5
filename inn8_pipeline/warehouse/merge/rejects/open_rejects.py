"""Retry, resolve and store open rejects in a merge.

Every sync retries the open rejects, and a later version of the record resolves its reject. `warehouse.queries.rejects`
lists and accepts rejects for an operator.
"""

from collections.abc import Iterator
from datetime import date

from psycopg import sql

from inn8_pipeline.warehouse.database import raw
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.rejects.exclusions import CONFIRMED_AT, confirming_joins

RETRY_CHUNK = 1000

_IS_OPEN = sql.SQL("r.tenant_id = %(tenant)s and r.entity = %(entity)s and r.resolved_at is null")
# The landing covers the reject: it would have the record if INN8 still had it.
_IS_COVERED = sql.SQL(
    """
    (%(days)s::date[] is null or (r.covers_from is not null and not exists (
       select from generate_series(r.covers_from::timestamp, r.covers_to::timestamp, interval '1 day') as covered (day)
        where covered.day::date <> all (%(days)s::date[]))))
    """
)
_IS_SENT = sql.SQL(
    """
    (exists (select from staged s where s.external_id = r.record_key)
     or exists (select from staged_rejects x where x.record_key = r.record_key))
    """
)
_IS_EARLIER = sql.SQL("{is_open} and r.as_of_at < %(started_at)s and {is_covered}").format(
    is_open=_IS_OPEN, is_covered=_IS_COVERED
)
_WITHDRAW_ALL = sql.SQL(
    """
    update inn8.rejected_records r
       set resolved_at = now(), resolution = 'withdrawn', updated_at = now()
     where {is_earlier}
    """
).format(is_earlier=_IS_EARLIER)
_WITHDRAW = _WITHDRAW_ALL + sql.SQL(" and (r.external_id is null or %(proves_absence)s) and not {is_sent}").format(
    is_sent=_IS_SENT
)


def withdraw(context: MergeContext) -> int:
    """Resolve the open rejects that this later landing covers but no longer contains; return how many.

    A landing that does not prove absence may lack records that INN8 has, so it withdraws only rejects without an id.
    """
    return context.run(_WITHDRAW, proves_absence=context.landing.proves_absence).rowcount


def withdraw_all(context: MergeContext) -> int:
    """Resolve the open rejects that this landing covers, because it has no record at all; return how many."""
    return context.run(_WITHDRAW_ALL).rowcount


_COUNT_EARLIER = sql.SQL("select count(*) from inn8.rejected_records r where {is_earlier}").format(
    is_earlier=_IS_EARLIER
)


def has_covered(context: MergeContext) -> bool:
    """Return True if this landing covers an open reject of an earlier fetch."""
    return bool(context.count(_COUNT_EARLIER))


_TO_RETRY = sql.SQL(
    """
    select r.id, convert_to(r.payload::text, 'UTF8') as payload from inn8.rejected_records r
     where {is_open} and r.accepted_at is null and not {is_sent}
     order by r.id
    """
).format(is_open=_IS_OPEN, is_sent=_IS_SENT)


def to_retry(context: MergeContext) -> Iterator[tuple[list[int], list[bytes]]]:
    """Yield the ordinals and payloads of the open rejects that this landing lacks, except accepted ones, in chunks.

    The rejects are selected before the first chunk, so rows that are staged in between do not change the selection.
    """
    with raw(context.connection).cursor(name="retried", binary=True, scrollable=False) as cursor:
        cursor.execute(_TO_RETRY, context.parameters)
        while chunk := cursor.fetchmany(RETRY_CHUNK):
            ordinals, payloads = zip(*chunk, strict=True)
            yield [-reject_id for reject_id in ordinals], list(payloads)


# Subqueries, not joins: with old statistics of the rejects the planner read all staged rows for each reject.
_DATE_RETRIED_ROWS = sql.SQL(
    """
    update staged s
       set as_of_at = (select r.as_of_at from inn8.rejected_records r
                        where r.tenant_id = %(tenant)s and r.id = -s.ordinal)
     where s.ordinal < 0
    """
)
_DATE_RETRIED_REJECTS = sql.SQL(
    """
    update staged_rejects s
       set (as_of_at, record_key) = (select r.as_of_at, r.record_key from inn8.rejected_records r
                                      where r.tenant_id = %(tenant)s and r.id = -s.ordinal)
     where s.ordinal < 0
    """
)


def date_retried(context: MergeContext) -> None:
    """Give retried rows and rejects the start of their original fetch. Rejects keep their keys too."""
    context.run(_DATE_RETRIED_ROWS)
    context.run(_DATE_RETRIED_REJECTS)


_DROP_OLDER = sql.SQL(
    """
    with older as (
      select x.ordinal from staged_rejects x
        join {table} t on t.tenant_id = %(tenant)s and t.external_id = x.external_id
        {joins}
       where x.ordinal >= 0 and {confirmed_at} > x.as_of_at),
    dropped as (delete from staged_rejects x using older o where o.ordinal = x.ordinal returning x.trade_date)
    select trade_date, count(*) as count from dropped group by 1
    """
)


def drop_older(context: MergeContext) -> dict[date | None, int]:
    """Drop the staged rejects of an out-of-order landing whose row in the table is newer; return how many, by day."""
    if not context.is_late:
        return {}
    statement = _DROP_OLDER.format(
        table=name_of(context.plan.table), joins=confirming_joins(context.plan), confirmed_at=CONFIRMED_AT
    )
    return {row["trade_date"]: row["count"] for row in context.run(statement)}


_STORE = sql.SQL(
    """
    with newest as (
      select distinct on (record_key) * from staged_rejects order by record_key, ordinal desc),
    dated as (
      select x.*, {confirmed_at} as row_as_of_at from newest x
        left join {table} t on t.tenant_id = %(tenant)s and t.external_id = x.external_id
        {joins})
    insert into inn8.rejected_records as k
      (tenant_id, entity, record_key, external_id, trade_date, reason_code, reason, payload, landing_id, as_of_at,
       covers_from, covers_to, row_as_of_at, first_seen_at, last_seen_at, unknown_parent_id)
    select %(tenant)s, %(entity)s, record_key, external_id, trade_date, reason_code, reason, payload, %(landing)s,
           as_of_at, coalesce(trade_date, %(from_date)s), coalesce(trade_date, %(to_date)s), row_as_of_at,
           as_of_at, as_of_at, unknown_parent_id
      from dated
        on conflict (tenant_id, entity, record_key) where resolved_at is null do update set
           reason_code = excluded.reason_code, reason = excluded.reason, payload = excluded.payload,
           trade_date = excluded.trade_date, unknown_parent_id = excluded.unknown_parent_id,
           landing_id = case when excluded.as_of_at > k.as_of_at then excluded.landing_id else k.landing_id end,
           as_of_at = excluded.as_of_at, last_seen_at = excluded.last_seen_at, attempts = k.attempts + 1,
           covers_from = case when excluded.as_of_at > k.as_of_at then excluded.covers_from else k.covers_from end,
           covers_to = case when excluded.as_of_at > k.as_of_at then excluded.covers_to else k.covers_to end,
           accepted_at = case when excluded.payload::text = k.payload::text then k.accepted_at end,
           accepted_note = case when excluded.payload::text = k.payload::text then k.accepted_note end,
           updated_at = now()
     where excluded.as_of_at > k.as_of_at
        or (excluded.as_of_at = k.as_of_at
            and (excluded.reason_code, excluded.reason, excluded.payload::text, excluded.trade_date,
                 excluded.unknown_parent_id)
                is distinct from (k.reason_code, k.reason, k.payload::text, k.trade_date, k.unknown_parent_id))
    """
)


def store(context: MergeContext) -> int:
    """Store each staged reject as a new open reject, or as an attempt of an open one; return how many were written.

    If the payload has changed, an accepted reject is no longer accepted. A reject that was retried with the same result
    is not written. One that the landing has again is: an older landing that is merged later must not heal it.
    """
    statement = _STORE.format(
        table=name_of(context.plan.table), joins=confirming_joins(context.plan), confirmed_at=CONFIRMED_AT
    )
    return context.run(statement).rowcount


_RESOLVE = sql.SQL(
    """
    update inn8.rejected_records r
       set resolved_at = now(), resolution = case when a.counted_as = 'skipped' then 'superseded' else 'healed' end,
           updated_at = now()
      from (select external_id as record_key, ordinal, as_of_at from staged
             union all
            select (select k.record_key from inn8.rejected_records k
                     where k.tenant_id = %(tenant)s and k.id = -s.ordinal and k.record_key <> s.external_id),
                   s.ordinal, s.as_of_at
              from staged s where s.ordinal < 0) s
      left join exclusions a on a.ordinal = s.ordinal
     where {is_open} and r.record_key = s.record_key and r.as_of_at <= s.as_of_at
       and (a.counted_as is null or (a.counted_as = 'skipped' and s.ordinal < 0))
       and not exists (select from staged_rejects x where x.record_key = r.record_key)
    """
).format(is_open=_IS_OPEN)


def resolve(context: MergeContext) -> int:
    """Resolve the open rejects that became a row (healed), or whose row in the table is newer (superseded).

    A reject that had no readable id keeps the digest of its payload as its key, even if the current rules can read the
    id.
    """
    return context.run(_RESOLVE).rowcount


_COUNT_OPEN = sql.SQL("select count(*) from inn8.rejected_records r where {is_open} and r.accepted_at is null").format(
    is_open=_IS_OPEN
)


def count_open(context: MergeContext) -> int:
    """Return the number of open rejects of the entity that are not accepted: they cause `PartialSuccess`."""
    return context.count(_COUNT_OPEN)


_WAITING = sql.SQL(
    """
    select from inn8.rejected_records r
     where {is_open} and r.accepted_at is null and r.reason_code = 'unknown_parent' and {has_parent}
    """
)
_COUNT_ANY = sql.SQL("select count(*) from ({queries} limit 1) o")
_IS_PARENT_KNOWN = sql.SQL(
    "exists (select from {parent} p where p.tenant_id = %(tenant)s and p.external_id = r.unknown_parent_id)"
)


def is_any_parent_known(context: MergeContext) -> bool:
    """Return True if an open reject waited for a parent that is known by now: even an unchanged landing is merged then.

    Where there is no id (the reject was stored before schema 0015) the parent may be known.
    """
    parents = [name_of(parent.table) for parent in context.plan.parents if parent.is_required]
    conditions = [sql.SQL("r.unknown_parent_id is null"), *(_IS_PARENT_KNOWN.format(parent=each) for each in parents)]
    queries = [_WAITING.format(is_open=_IS_OPEN, has_parent=each) for each in conditions]
    return bool(context.count(_COUNT_ANY.format(queries=sql.SQL(" union all ").join(queries))))
