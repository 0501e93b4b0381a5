"""Open rejects: tried again with every sync, replaced or resolved by any later appearance of their id.

Here belongs what a merge does with them. What an operator does (list, accept) is `operator`'s.
"""

from collections.abc import Iterator
from datetime import date

from psycopg import sql

from inn8_pipeline.warehouse.merge.exclusions import CONFIRMED_AT, confirming
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.staging import MergeContext

RETRY_CHUNK = 1000

# Whether a landing would have brought the record again, if INN8 still had it.
_COVERED = """
  (%(days)s::date[] is null or (r.covers_from is not null and not exists (
     select from generate_series(r.covers_from::timestamp, r.covers_to::timestamp, interval '1 day') as covered (day)
      where covered.day::date <> all (%(days)s::date[]))))
"""
_SENT = """
  (exists (select from staged s where s.external_id = r.record_key)
   or exists (select from staged_rejects x where x.record_key = r.record_key))
"""


def withdraw(scope: MergeContext) -> int:
    """Resolve the open rejects that a later landing, which covers them, no longer has: INN8 took them back.

    A landing with accepted duplicates may lack what INN8 has; it speaks only for what no id lets us know again.
    """
    return scope.run(
        f"""
        update inn8.rejected_records r
           set resolved_at = now(), resolution = 'withdrawn', updated_at = now()
         where r.tenant_id = %(tenant)s and r.entity = %(entity)s and r.resolved_at is null
           and r.as_of_at < %(started_at)s and (r.external_id is null or not %(has_duplicates)s)
           and {_COVERED} and not {_SENT}
        """,
        has_duplicates=scope.landing.has_duplicates,
    ).rowcount


def to_retry(scope: MergeContext) -> Iterator[list[tuple[int, bytes]]]:
    """The open rejects that this landing did not bring, as (ordinal, payload), in chunks; accepted ones are left.

    They are chosen before the first is handed out: what is staged in between does not change the choice.
    """
    scope.run(
        f"""
        declare retried no scroll cursor for
        select r.id, convert_to(r.payload::text, 'UTF8') from inn8.rejected_records r
         where r.tenant_id = %(tenant)s and r.entity = %(entity)s and r.resolved_at is null
           and r.accepted_at is null and not {_SENT}
         order by r.id
        """
    )
    while chunk := scope.run(f"fetch {RETRY_CHUNK} from retried").fetchall():
        yield [(-reject_id, bytes(payload)) for reject_id, payload in chunk]
    scope.run("close retried")


def date_retried(scope: MergeContext) -> None:
    """What was staged for another try keeps the instant of the fetch that it came from; a reject, its name too."""
    for table, name in (("staged", ""), ("staged_rejects", ", record_key = r.record_key")):
        scope.run(
            sql.SQL("""
            update {} s set as_of_at = r.as_of_at{} from inn8.rejected_records r
             where s.ordinal < 0 and r.tenant_id = %(tenant)s and r.id = -s.ordinal
            """).format(sql.Identifier(table), sql.SQL(name))
        )


def drop_older(scope: MergeContext) -> dict[date | None, int]:
    """Faulty records of a late landing whose sound row is newer: skipped, by day; they open no reject."""
    if not scope.is_late:
        return {}
    dropped = scope.run(
        sql.SQL("""
        with older as (
          select x.ordinal from staged_rejects x
            join {table} t on t.tenant_id = %(tenant)s and t.external_id = x.external_id
        """).format(table=name_of(scope.plan.table))
        + confirming(scope.plan)
        + sql.SQL("""
           where x.ordinal >= 0 and {confirmed_at} > x.as_of_at),
        dropped as (delete from staged_rejects x using older o where o.ordinal = x.ordinal returning x.trade_date)
        select trade_date, count(*) from dropped group by 1
        """).format(confirmed_at=sql.SQL(CONFIRMED_AT))
    )
    return dict(dropped.fetchall())


def keep(scope: MergeContext) -> int:
    """Write what was refused: a new open reject, or the next attempt of one; what changed is no longer accepted."""
    plan = scope.plan
    return scope.run(
        sql.SQL("""
        with newest as (
          select distinct on (record_key) * from staged_rejects order by record_key, ordinal desc),
        dated as (
          select x.*, {confirmed_at} as row_as_of_at from newest x
            left join {table} t on t.tenant_id = %(tenant)s and t.external_id = x.external_id
        """).format(table=name_of(plan.table), confirmed_at=sql.SQL(CONFIRMED_AT))
        + confirming(plan)
        + sql.SQL(""")
        insert into inn8.rejected_records as k
          (tenant_id, entity, record_key, external_id, trade_date, reason_code, reason, payload, landing_id, as_of_at,
           covers_from, covers_to, row_as_of_at, first_seen_at, last_seen_at)
        select %(tenant)s, %(entity)s, record_key, external_id, trade_date, reason_code, reason, payload, %(landing)s,
               as_of_at, coalesce(trade_date, %(from_date)s), coalesce(trade_date, %(to_date)s), row_as_of_at,
               as_of_at, as_of_at
          from dated
            on conflict (tenant_id, entity, record_key) where resolved_at is null do update set
               reason_code = excluded.reason_code, reason = excluded.reason, payload = excluded.payload,
               trade_date = excluded.trade_date,
               landing_id = case when excluded.as_of_at > k.as_of_at then excluded.landing_id else k.landing_id end,
               as_of_at = excluded.as_of_at, last_seen_at = excluded.last_seen_at, attempts = k.attempts + 1,
               covers_from = case when excluded.as_of_at > k.as_of_at then excluded.covers_from else k.covers_from end,
               covers_to = case when excluded.as_of_at > k.as_of_at then excluded.covers_to else k.covers_to end,
               accepted_at = case when excluded.payload::text = k.payload::text then k.accepted_at end,
               accepted_note = case when excluded.payload::text = k.payload::text then k.accepted_note end,
               updated_at = now()
         where excluded.as_of_at >= k.as_of_at
        """)
    ).rowcount


def resolve(scope: MergeContext) -> int:
    """Resolve the open rejects whose id is a row now (healed), or stands in the table in a newer one (superseded).

    One that had no readable id, and has one under the rules of today, is still known by its payload's digest.
    """
    return scope.run(
        """
        update inn8.rejected_records r
           set resolved_at = now(), resolution = case when a.why = 'skipped' then 'superseded' else 'healed' end,
               updated_at = now()
          from (select external_id as record_key, ordinal, as_of_at from staged
                 union all
                select k.record_key, s.ordinal, s.as_of_at from staged s
                  join inn8.rejected_records k on k.tenant_id = %(tenant)s and k.id = -s.ordinal
                 where s.ordinal < 0 and k.record_key <> s.external_id) s
          left join set_aside a on a.ordinal = s.ordinal
         where r.tenant_id = %(tenant)s and r.entity = %(entity)s and r.resolved_at is null
           and r.record_key = s.record_key and r.as_of_at <= s.as_of_at
           and (a.why is null or (a.why = 'skipped' and s.ordinal < 0))
           and not exists (select from staged_rejects x where x.record_key = r.record_key)
        """
    ).rowcount


def count_open(scope: MergeContext) -> int:
    """The open rejects of the entity that nobody accepted: they colour the status."""
    return scope.count(
        """
        select count(*) from inn8.rejected_records
         where tenant_id = %(tenant)s and entity = %(entity)s and resolved_at is null and accepted_at is null
        """
    )


def has_orphans(scope: MergeContext) -> bool:
    """Whether an open reject waits for its parent: then a landing that is unchanged must be merged all the same."""
    return bool(
        scope.count(
            """
            select count(*) from inn8.rejected_records
             where tenant_id = %(tenant)s and entity = %(entity)s and resolved_at is null and accepted_at is null
               and reason_code = 'unknown_parent'
            """
        )
    )
