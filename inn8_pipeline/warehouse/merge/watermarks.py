"""Watermarks: the landing that each day, or each whole collection, was last merged from.

A sync uses them to decide which data is older, newer or unchanged. Their table is called `inn8.sync_coverage`, because
users query it by that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Json
from sqlalchemy import Connection

from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.results import Status, StoredCounts

_NEWER_DAYS = sql.SQL(
    """
    select c.trade_date from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
     where c.tenant_id = %(tenant)s and c.entity = %(entity)s and l.as_of_at > %(started_at)s
       and (%(days)s::date[] is null or c.trade_date = any (%(days)s::date[]))
    """
)


def newer_days(connection: Connection, landing: Landing, days: frozenset[date] | None) -> frozenset[date | None]:
    """Return the landing's days that were merged from a later fetch; {None} for a collection without days."""
    wanted = None if days is None else sorted(days)
    found = execute(connection, _NEWER_DAYS, **_key(landing), days=wanted)
    return frozenset(row["trade_date"] for row in found)


_IS_LATE = sql.SQL(
    """
    select exists (select from inn8_raw.landings
                    where tenant_id = %(tenant)s and entity = %(entity)s and as_of_at > %(started_at)s
                      and merged_at is not null) as is_late
    """
)


def is_late(connection: Connection, landing: Landing) -> bool:
    """Return True if a later fetch of the entity was merged. Then rows must be compared by their age."""
    row = execute(connection, _IS_LATE, **_key(landing)).fetchone()
    return row is not None and bool(row["is_late"])


def _key(landing: Landing) -> dict[str, object]:
    return {"tenant": landing.tenant_id, "entity": landing.entity.name, "started_at": landing.started_at}


_WAS_MERGED = sql.SQL(
    """
    select count(*) from inn8_raw.landings
     where tenant_id = %(tenant)s and id = %(landing)s and merged_at is not null
    """
)


def was_merged(context: MergeContext) -> bool:
    """Return True if the landing was merged before, for any of its days."""
    return bool(context.count(_WAS_MERGED))


_MERGED_DAYS = sql.SQL(
    """
    select c.trade_date from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = %(landing)s
     where c.tenant_id = %(tenant)s and c.entity = %(entity)s and c.landing_id in (l.id, l.repeats_id)
    """
)


def merged_days(context: MergeContext) -> frozenset[date | None]:
    """Return the days that were last merged from this landing, or from the one that it repeats.

    For a collection without days, return {None} or an empty set.
    """
    return frozenset(row["trade_date"] for row in context.run(_MERGED_DAYS))


@dataclass(frozen=True, slots=True)
class RepeatedLanding:
    """A merged landing whose pages a newer landing repeats, with its stored counts."""

    id: int
    counts: StoredCounts


_REPEATED = sql.SQL(
    """
    select l.id, l.counts
      from inn8_raw.landings l
      join inn8_raw.landings n on n.tenant_id = l.tenant_id and n.id = %(landing)s
     where l.tenant_id = %(tenant)s and l.entity = %(entity)s and l.transform_version = %(version)s
       and l.page_digests = n.page_digests and l.is_repeatable
       and l.has_duplicates = n.has_duplicates and (l.unproven_end is null) = (n.unproven_end is null)
       and l.from_date is not distinct from n.from_date and l.to_date is not distinct from n.to_date
       and (select count(*) from inn8.sync_coverage c where c.tenant_id = l.tenant_id and c.landing_id = l.id)
           = coalesce(cardinality(%(days)s::date[]), 1)
       and (l.unreadable_since is null or exists (
             select from inn8.rejected_records r
              where r.tenant_id = l.tenant_id and r.entity = l.entity and r.external_id is null
                and r.resolved_at is null and r.accepted_at is null))
    """
)


def find_repeated(context: MergeContext, transform_version: int) -> RepeatedLanding | None:
    """Return the merged landing that has the same pages as this one, or None.

    It counts only if no later merge has changed its rows. If records without a readable id were accepted since, the
    landing is merged again, because it then proves the absence of more rows.
    """
    row = context.run(_REPEATED, version=transform_version).fetchone()
    return None if row is None else RepeatedLanding(row["id"], StoredCounts.from_json(row["counts"]))


_CONFIRM = sql.SQL(
    "update inn8_raw.landings set as_of_at = %(started_at)s where tenant_id = %(tenant)s and id = %(repeated)s"
)
_NAME_REPEATED = sql.SQL(
    "update inn8_raw.landings set repeats_id = %(repeated)s where tenant_id = %(tenant)s and id = %(landing)s"
)


def confirm(context: MergeContext, repeated: RepeatedLanding) -> None:
    """Record that this fetch brought the pages of the repeated landing again, and link the two."""
    context.run(_CONFIRM, repeated=repeated.id)
    context.run(_NAME_REPEATED, repeated=repeated.id)


@dataclass(frozen=True, slots=True)
class LandingOutcome:
    """The result of the merge of a landing. The comments on the columns of `landings` explain each value."""

    status: Status
    counts: StoredCounts
    absence_counts: bool
    is_held_back: bool
    is_repeatable: bool
    unreadable_since: datetime | None = None


# If an earlier merge of the landing wrote other days, its findings still hold for them (`are_any` such days), and the
# counts of this merge are not those of the whole landing.
_RECORD_OUTCOME = sql.SQL(
    """
    update inn8_raw.landings l
       set status = %(status)s, counts = %(counts)s,
           transform_version = case when o.are_any then l.transform_version else %(version)s end,
           absence_counts = %(absence_counts)s and (l.absence_counts or not o.are_any),
           is_held_back = %(is_held_back)s or (coalesce(l.is_held_back, false) and o.are_any),
           is_repeatable = %(is_repeatable)s and not o.are_any,
           unreadable_since = greatest(%(unreadable_since)s, case when o.are_any then l.unreadable_since end),
           as_of_at = coalesce(l.as_of_at, l.started_at), merged_at = clock_timestamp()
      from (select exists (
              select from inn8.sync_coverage c
               where c.tenant_id = %(tenant)s and c.landing_id = %(landing)s
                 and c.trade_date <> all (%(days)s::date[])) as are_any) o
     where l.tenant_id = %(tenant)s and l.id = %(landing)s
    """
)
_ADVANCE = sql.SQL(
    """
    insert into inn8.sync_coverage (tenant_id, entity, trade_date, landing_id)
    select %(tenant)s, %(entity)s, day, %(landing)s
      from unnest(coalesce(%(days)s::date[], array[null::date])) as d (day)
        on conflict (tenant_id, entity, trade_date)
        do update set landing_id = excluded.landing_id, updated_at = now()
    """
)


def advance(context: MergeContext, outcome: LandingOutcome, transform_version: int) -> None:
    """Store the outcome of the landing, and make it the watermark of its days."""
    context.run(_RECORD_OUTCOME, **_columns(outcome), version=transform_version)
    context.run(_ADVANCE)


def _columns(outcome: LandingOutcome) -> Mapping[str, Any]:
    return {
        "status": str(outcome.status),
        "counts": Json(outcome.counts.as_json()),
        "absence_counts": outcome.absence_counts,
        "is_held_back": outcome.is_held_back,
        "is_repeatable": outcome.is_repeatable,
        "unreadable_since": outcome.unreadable_since,
    }


_FORGET_REPEATS = sql.SQL(
    """
    update inn8_raw.landings l set is_repeatable = false
     where l.tenant_id = %(tenant)s and l.entity = %(entity)s and l.is_repeatable and l.id <> %(landing)s
       and exists (select from inn8.sync_coverage c where c.tenant_id = l.tenant_id and c.landing_id = l.id)
    """
)


def forget_repeats(context: MergeContext) -> None:
    """Mark the earlier landings as not repeatable, because this merge changed rows or rejects that may come from them.

    If the trade date of a transaction changes to another day and back, INN8 sends the same pages for the first day as
    before. They must be merged again.
    """
    context.run(_FORGET_REPEATS)


_HAS_ROWS = sql.SQL(
    """
    select count(*) from (
      select from {table} t where t.tenant_id = %(tenant)s and t.removed_at is null {of_days} limit 1) o
    """
)


def has_rows(context: MergeContext) -> bool:
    """Return True if the table has rows in the landing's days that are not removed."""
    of_days = sql.SQL("and t.trade_date = any (%(days)s)" if context.plan.has_days else "")
    return bool(context.count(_HAS_ROWS.format(table=name_of(context.plan.table), of_days=of_days)))
