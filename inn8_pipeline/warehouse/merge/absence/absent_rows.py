"""Find the rows that a landing lacks, and decide which of them INN8 provably no longer has.

A row that is lacking for one of these reasons is unconfirmed (`inn8.unconfirmed_rows`): it is not marked as missing,
its `last_synced_at` does not change, and the sync is not a `Success`. The reasons, in the order of their checks:

    other_day     the landing has the id with a day of trade that is not merged
    duplicates    pages overlapped: the landing may lack records that INN8 has
    unproven_end  the page may not be the last one: likewise
    unreadable    a record without a readable id may be the row
    empty         INN8 sent no record for these days, and no later fetch with records has shown that it works
    held_back     more rows are lacking than the bound on removals allows

If a fetch had both a record without a readable id and a row, they are different. So an unreadable record may be one of
the rows that were last confirmed before the first fetch with that record. Once an operator has accepted the record, it
is none of them. (One case is not detected: the record of a row loses its id and its day, is readable for a while
between two fetches of a wider window, and then becomes unreadable again, byte for byte.)
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from inn8_pipeline.warehouse.database import Statement
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit, is_of_days
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.records import staging
from inn8_pipeline.warehouse.merge.records.record_source import RecordSource
from inn8_pipeline.warehouse.merge.rejects.exclusions import CONFIRMED_AT, confirming_joins
from inn8_pipeline.warehouse.merge.results import UnconfirmedRows


@dataclass(frozen=True, slots=True)
class Absence:
    """What follows from the rows that a landing lacks.

    Attributes:
        absence_counts: The rows that the landing lacks are absent, except those that an unreadable record may be.
        unreadable_since: A row that was last confirmed before this time may be an unreadable record. None if the
            landing has no such record.
        held_back: The number of rows that are not marked as missing because of the bound on removals.

    """

    absence_counts: bool
    unreadable_since: datetime | None
    held_back: int


def find(context: MergeContext, limit: RemovalLimit, source: RecordSource, *, has_skipped: bool) -> Absence:
    """Find the rows that the landing lacks, and why some of them are not proven to be absent.

    Call it after the rejects of the landing are stored. It stores the rows in the temporary table `lacking`, with the
    reason if there is one.
    """
    unreadable_since = _unreadable_since(context)
    context.run(_CREATE_LACKING.format(**_parts(context)))
    is_empty = held_back = 0
    if context.count(_COUNT_UNEXPLAINED):
        if has_skipped:
            _stage_skipped(context, source)
            context.run(_EXPLAIN_OTHER_DAY)
        if context.landing.has_duplicates:
            context.run(_EXPLAIN, reason="duplicates")
        if context.landing.unproven_end:
            context.run(_EXPLAIN, reason="unproven_end")
        if unreadable_since is not None:
            context.run(_EXPLAIN_UNREADABLE, unreadable_since=unreadable_since)
        if not context.landing.records and not limit.is_overridden:
            is_empty = context.run(_EXPLAIN_EMPTY).rowcount
        held_back = _hold_back(context, limit)
    absence_counts = context.landing.proves_absence and not held_back and not is_empty
    return Absence(absence_counts, unreadable_since, held_back)


# Materialized, so that when they were confirmed is looked up for the rows that are lacking and not for all rows.
_CREATE_LACKING = sql.SQL(
    """
    create temporary table lacking on commit drop as
      with lacking_rows as materialized (
        select t.* from {table} t
         where {is_covered}
           and not exists (select from same_records m where m.row_id = t.id)
           and not exists (select from staged s where s.external_id = t.external_id)
           and not exists (select from staged_rejects x where x.external_id = t.external_id))
    select t.id as row_id, t.external_id, {confirmed_at} as confirmed_at, null::text as reason
      from lacking_rows t {joins}
    """
)
_IS_COVERED = sql.SQL(
    """
    t.tenant_id = %(tenant)s and t.removed_at is null and t.missing_since is null and t.as_of_at < %(started_at)s
    {is_of_days}
    """
)
_COUNT_COVERED = sql.SQL("select count(*) from {table} t where {is_covered}")
_COUNT_UNEXPLAINED = sql.SQL("select count(*) from lacking where reason is null")


def _parts(context: MergeContext) -> dict[str, sql.Composable]:
    return {
        "table": name_of(context.plan.table),
        "joins": confirming_joins(context.plan),
        "confirmed_at": CONFIRMED_AT,
        "is_covered": _is_covered(context),
    }


def _is_covered(context: MergeContext) -> Statement:
    return _IS_COVERED.format(is_of_days=is_of_days(context))


# If INN8 sends the same unreadable record twice, one of the two may be a row that has lost its id.
_UNREADABLE_SINCE = sql.SQL(
    """
    select max(case when s.occurrences > 1 then %(started_at)s else r.first_seen_at end) as unreadable_since
      from (select record_key, count(*) as occurrences from staged_rejects
             where ordinal >= 0 and external_id is null group by 1) s
      join inn8.rejected_records r on r.tenant_id = %(tenant)s and r.entity = %(entity)s
           and r.record_key = s.record_key and r.resolved_at is null and r.accepted_at is null
    """
)


def _unreadable_since(context: MergeContext) -> datetime | None:
    row = context.run(_UNREADABLE_SINCE).fetchone()
    return None if row is None else row["unreadable_since"]


_EXPLAIN = sql.SQL("update lacking set reason = %(reason)s where reason is null")
_EXPLAIN_OTHER_DAY = sql.SQL(
    "update lacking l set reason = 'other_day' where exists (select from skipped s where s.external_id = l.external_id)"
)
_EXPLAIN_UNREADABLE = sql.SQL(
    "update lacking set reason = 'unreadable' where reason is null and confirmed_at < %(unreadable_since)s"
)
# A fetch with records that began after the first empty one proves that INN8 works, and that these days are empty.
_IS_EMPTY_PROVEN = sql.SQL(
    """
    exists (
       select from inn8.unconfirmed_rows u
         join inn8_raw.landings n on n.tenant_id = u.tenant_id and n.entity = u.entity
        where u.tenant_id = %(tenant)s and u.entity = %(entity)s and u.row_id = {row_id}
          and n.merged_at is not null and n.record_count > 0
          and n.as_of_at > u.lacking_since and n.as_of_at < %(started_at)s)
    """
)
_EXPLAIN_EMPTY = sql.SQL("update lacking l set reason = 'empty' where l.reason is null and not {is_proven}").format(
    is_proven=_IS_EMPTY_PROVEN.format(row_id=sql.Identifier("l", "row_id"))
)
_COUNT_DOUBTFUL = sql.SQL("select count(*) from {table} t where {is_covered} and not {is_proven}")


def is_empty_proven(context: MergeContext) -> bool:
    """Return True if a landing without records proves that its days are empty: no row has the reason `empty`."""
    statement = _COUNT_DOUBTFUL.format(
        table=name_of(context.plan.table),
        is_covered=_is_covered(context),
        is_proven=_IS_EMPTY_PROVEN.format(row_id=sql.Identifier("t", "id")),
    )
    return not context.count(statement)


def _hold_back(context: MergeContext, limit: RemovalLimit) -> int:
    lacking = context.count(_COUNT_UNEXPLAINED)
    covered = _COUNT_COVERED.format(table=name_of(context.plan.table), is_covered=_is_covered(context))
    if lacking and limit.forbids(lacking, context.count(covered)):
        return context.run(_EXPLAIN, reason="held_back").rowcount
    return 0


def _stage_skipped(context: MergeContext, source: RecordSource) -> None:
    """Stage the ids of the records that were skipped because of their day; most merges do not need them."""
    staging.create_skipped(context)
    for batch in source.skipped(context.is_wanted):
        staging.stage_skipped(context, batch)


_STORE_UNCONFIRMED = sql.SQL(
    """
    insert into inn8.unconfirmed_rows as u (tenant_id, entity, row_id, reason, confirmed_at, lacking_since)
    select %(tenant)s, %(entity)s, row_id, reason, confirmed_at, %(started_at)s from lacking where reason is not null
        on conflict (tenant_id, entity, row_id) do update set reason = excluded.reason
     where u.reason <> excluded.reason
    """
)
_DELETE_CONFIRMED = sql.SQL(
    """
    delete from inn8.unconfirmed_rows u using {table} t
     where u.tenant_id = %(tenant)s and u.entity = %(entity)s and t.tenant_id = u.tenant_id and t.id = u.row_id
       and u.lacking_since < %(started_at)s
       and (t.missing_since is not null
            or exists (select from staged s where s.external_id = t.external_id and s.ordinal >= 0)
            or exists (select from staged_rejects x where x.external_id = t.external_id and x.ordinal >= 0))
    """
)


def store_unconfirmed(context: MergeContext) -> None:
    """Store the rows that are unconfirmed now, and delete those that came back or are marked as missing."""
    context.run(_DELETE_CONFIRMED.format(table=name_of(context.plan.table)))
    context.run(_STORE_UNCONFIRMED)


_COUNT_UNCONFIRMED = sql.SQL(
    """
    select reason, count(*) as rows, min(lacking_since) as since from inn8.unconfirmed_rows
     where tenant_id = %(tenant)s and entity = %(entity)s group by reason order by reason
    """
)


def unconfirmed(context: MergeContext) -> tuple[UnconfirmedRows, ...]:
    """Return the unconfirmed rows of the entity by reason: how many, and since when."""
    return tuple(UnconfirmedRows(**row) for row in context.run(_COUNT_UNCONFIRMED))
