"""What may go: landings that nobody needs, then pages that no landing names, then rejects resolved long ago.

A landing stays while it is recent, while a day or a collection was merged from it last, while it is the newest fetch
that confirmed such a one, or is the newest of its entity. Tables of rows are never touched here.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from inn8_pipeline.warehouse.database import transaction
from inn8_pipeline.warehouse.landing.store import hold_pages

BROKEN_AFTER_HOURS = 24
"""A fetch that is not complete by then broke off; until then it counts on the pages that are there."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went. `are_pages_held`: a fetch under way counts on the pages, so that they all stay until the next time."""

    landings: int
    broken_landings: int
    pages: int
    rejects: int
    are_pages_held: bool


def prune(engine: Engine, tenant_id: str, landing_days: int, reject_days: int) -> Pruned:
    """Drop the tenant's landings and resolved rejects that are older than that, and what only they needed."""
    with transaction(engine, "dropping old landings") as connection:
        broken = _run(connection, _BROKEN, tenant_id, hours=BROKEN_AFTER_HOURS)
        old = _run(connection, _LANDINGS, tenant_id, days=landing_days)
    with transaction(engine, "dropping old pages") as connection:
        hold_pages(connection, tenant_id, for_pruning=True)
        is_held = bool(connection.scalar(_UNDER_WAY, {"tenant_id": tenant_id}))
        pages = 0 if is_held else drop_unnamed(connection, tenant_id)
    with transaction(engine, "dropping resolved rejects") as connection:
        rejects = _run(connection, _REJECTS, tenant_id, days=reject_days)
    return Pruned(old, broken, pages, rejects, is_held)


def drop_unnamed(connection: Connection, tenant_id: str) -> int:
    """Drop the pages that no landing names; how many. Who calls it holds the pages, and no fetch counts on them."""
    return _run(connection, _PAGES, tenant_id)


def _run(connection: Connection, statement: str, tenant_id: str, **parameters: int) -> int:
    return connection.execute(text(statement), {"tenant_id": tenant_id, **parameters}).rowcount


_BROKEN = """
  delete from inn8_raw.landings
   where tenant_id = :tenant_id and completed_at is null and started_at < now() - make_interval(hours => :hours)
"""
# A landing repeated by a newer one speaks for the newer fetch: a rebuild finds that one, and must.
_LANDINGS = """
  with named as (select landing_id as id from inn8.sync_coverage where tenant_id = :tenant_id),
  confirming as (
    select distinct on (repeats_id) id from inn8_raw.landings
     where tenant_id = :tenant_id and repeats_id in (select id from named)
     order by repeats_id, started_at desc),
  newest as (
    select distinct on (entity) id from inn8_raw.landings
     where tenant_id = :tenant_id and completed_at is not null
     order by entity, started_at desc)
  delete from inn8_raw.landings
   where tenant_id = :tenant_id and completed_at is not null and started_at < now() - make_interval(days => :days)
     and id not in (select id from named union all select id from confirming union all select id from newest)
"""
_UNDER_WAY = text(
    "select exists (select from inn8_raw.landings where tenant_id = :tenant_id and completed_at is null)",
)
_PAGES = """
  delete from inn8_raw.pages p
   where p.tenant_id = :tenant_id
     and not exists (
       select from (select unnest(page_digests) as sha256 from inn8_raw.landings where tenant_id = :tenant_id) n
        where n.sha256 = p.sha256)
"""
_REJECTS = """
  delete from inn8.rejected_records
   where tenant_id = :tenant_id and resolved_at < now() - make_interval(days => :days)
"""
