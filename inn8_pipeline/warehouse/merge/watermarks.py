"""What each day, or each whole collection, was merged from last: how a sync knows what is older, newer or the same."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import sql
from psycopg.types.json import Json

from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.plan import name_of
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.merge.staging import MergeContext

Cursor = Any  # psycopg's cursor of rows as tuples


def newer_days(cursor: Cursor, landing: Landing, days: frozenset[date] | None) -> frozenset[date | None]:
    """Of the landing's days those already merged from a fetch begun later (of a collection without days: None)."""
    found = cursor.execute(
        """
        select c.trade_date from inn8.sync_coverage c
          join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
         where c.tenant_id = %s and c.entity = %s and l.as_of_at > %s
           and (%s::date[] is null or c.trade_date = any (%s::date[]))
        """,
        (landing.tenant_id, landing.entity.name, landing.started_at, *[None if days is None else sorted(days)] * 2),
    )
    return frozenset(day for (day,) in found)


def is_late(cursor: Cursor, landing: Landing) -> bool:
    """Whether anything of the entity was merged from a fetch begun later: then rows must be compared by their age."""
    found = cursor.execute(
        """
        select exists (select from inn8_raw.landings where tenant_id = %s and entity = %s and as_of_at > %s
                          and merged_at is not null)
        """,
        (landing.tenant_id, landing.entity.name, landing.started_at),
    )
    return bool(found.fetchone()[0])


def repeated(scope: MergeContext, transform_version: int) -> tuple[int, dict[str, Any]] | None:
    """The merged landing that this one repeats, page by page, for every one of its days; its id and counts.

    Only one that is repeatable: the same pages mean the same rows as long as no other merge has changed them since.
    """
    found = scope.run(
        """
        select l.id, l.counts
          from inn8_raw.landings l
          join inn8_raw.landings n on n.tenant_id = l.tenant_id and n.id = %(landing)s
         where l.tenant_id = %(tenant)s and l.entity = %(entity)s and l.transform_version = %(version)s
           and l.page_digests = n.page_digests and l.is_repeatable
           and l.has_duplicates = n.has_duplicates
           and l.from_date is not distinct from n.from_date and l.to_date is not distinct from n.to_date
           and (select count(*) from inn8.sync_coverage c where c.tenant_id = l.tenant_id and c.landing_id = l.id)
               = coalesce(cardinality(%(days)s::date[]), 1)
        """,
        version=transform_version,
    ).fetchone()
    return (found[0], found[1]) if found else None


def confirm(scope: MergeContext, repeated_id: int) -> None:
    """INN8 sent the very same again: the landing merged last speaks from now on for this fetch too."""
    scope.run(
        """
        update inn8_raw.landings set as_of_at = %(started_at)s where tenant_id = %(tenant)s and id = %(repeated)s
        """,
        repeated=repeated_id,
    )
    scope.run(
        "update inn8_raw.landings set repeats_id = %(repeated)s where tenant_id = %(tenant)s and id = %(landing)s",
        repeated=repeated_id,
    )


@dataclass(frozen=True, slots=True)
class LandingOutcome:
    """What a merge made of its landing; the columns of `landings` of the same names tell what each means."""

    status: Status
    counts: dict[str, Any]
    is_proof: bool
    is_held_back: bool
    is_repeatable: bool


def advance(scope: MergeContext, verdict: LandingOutcome, transform_version: int) -> None:
    """From now on the landing is what its days were merged from last."""
    scope.run(
        """
        update inn8_raw.landings
           set status = %(status)s, counts = %(counts)s, transform_version = %(version)s, is_proof = %(is_proof)s,
               is_held_back = %(is_held_back)s, is_repeatable = %(is_repeatable)s,
               as_of_at = coalesce(as_of_at, started_at), merged_at = clock_timestamp()
         where tenant_id = %(tenant)s and id = %(landing)s
        """,
        status=str(verdict.status),
        counts=Json(verdict.counts),
        version=transform_version,
        is_proof=verdict.is_proof,
        is_held_back=verdict.is_held_back,
        is_repeatable=verdict.is_repeatable,
    )
    scope.run(
        """
        insert into inn8.sync_coverage (tenant_id, entity, trade_date, landing_id)
        select %(tenant)s, %(entity)s, day, %(landing)s
          from unnest(coalesce(%(days)s::date[], array[null::date])) as d (day)
            on conflict (tenant_id, entity, trade_date)
            do update set landing_id = excluded.landing_id, updated_at = now()
        """
    )


def forget_repeats(scope: MergeContext) -> None:
    """The merge changed rows or rejects that were there: they may have been another landing's.

    A transaction whose trade date moved to another day, and then back, comes with the very pages of its first day; they
    must be merged again, and not be taken for unchanged.
    """
    scope.run(
        """
        update inn8_raw.landings l set is_repeatable = false
         where l.tenant_id = %(tenant)s and l.entity = %(entity)s and l.is_repeatable and l.id <> %(landing)s
           and exists (select from inn8.sync_coverage c where c.tenant_id = l.tenant_id and c.landing_id = l.id)
        """
    )


def has_rows(scope: MergeContext) -> bool:
    """Whether the table has rows, not removed, in the landing's days."""
    rows = sql.SQL("select from {} t where t.tenant_id = %(tenant)s and t.removed_at is null").format(
        name_of(scope.plan.table)
    )
    if scope.plan.has_days:
        rows += sql.SQL(" and t.trade_date = any (%(days)s)")
    return bool(scope.count(sql.SQL("select count(*) from ({} limit 1) o").format(rows)))
