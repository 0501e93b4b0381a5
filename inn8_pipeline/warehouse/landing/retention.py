"""Retention: drop old landings, then the pages that no landing names, then rejects resolved long ago.

A landing stays while it is recent, while a day or a collection was last merged from it, while it is the newest fetch
that repeats such a one, or while it is the newest of its entity. Tables of rows are never touched here.
"""

from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.landing.store import hold_pages

BROKEN_AFTER_HOURS = 24
"""A fetch that is not complete by then counts as broken off, even if its process is still there."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was dropped. `are_pages_held`: a fetch under way counts on the pages, so all stay until the next time."""

    landings: int
    broken_landings: int
    pages: int
    rejects: int
    are_pages_held: bool


_DROP_BROKEN = sql.SQL(
    """
    delete from inn8_raw.landings
     where tenant_id = %(tenant)s and completed_at is null
       and (%(hours)s = 0 or started_at < now() - make_interval(hours => %(hours)s))
    """
)
# A landing repeated by a newer one stands for the newer fetch: a rebuild finds that one, and must.
_DROP_OLD = sql.SQL(
    """
    with named as (select landing_id as id from inn8.sync_coverage where tenant_id = %(tenant)s),
    repeating as (
      select distinct on (repeats_id) id from inn8_raw.landings
       where tenant_id = %(tenant)s and repeats_id in (select id from named)
       order by repeats_id, id desc),
    newest as (
      select distinct on (entity) id from inn8_raw.landings
       where tenant_id = %(tenant)s and completed_at is not null
       order by entity, id desc)
    delete from inn8_raw.landings
     where tenant_id = %(tenant)s and completed_at is not null and started_at < now() - make_interval(days => %(days)s)
       and id not in (select id from named union all select id from repeating union all select id from newest)
    """
)
_IS_UNDER_WAY = sql.SQL("select from inn8_raw.landings where tenant_id = %(tenant)s and completed_at is null limit 1")
_DROP_UNNAMED = sql.SQL(
    """
    delete from inn8_raw.pages p
     where p.tenant_id = %(tenant)s
       and not exists (
         select from (select unnest(page_digests) as sha256 from inn8_raw.landings where tenant_id = %(tenant)s) n
          where n.sha256 = p.sha256)
    """
)
_DROP_REJECTS = sql.SQL(
    """
    delete from inn8.rejected_records
     where tenant_id = %(tenant)s and resolved_at < now() - make_interval(days => %(days)s)
    """
)


def prune(engine: Engine, tenant_id: str, landing_days: int, reject_days: int) -> Pruned:
    """Drop the tenant's landings and resolved rejects that are older than so many days, and the pages of none."""
    with transaction(engine, "dropping old landings") as connection:
        broken = _drop_broken(connection, tenant_id)
        old = execute(connection, _DROP_OLD, tenant=tenant_id, days=landing_days).rowcount
    with transaction(engine, "dropping old pages") as connection:
        hold_pages(connection, tenant_id, for_pruning=True)
        is_held = execute(connection, _IS_UNDER_WAY, tenant=tenant_id).fetchone() is not None
        pages = 0 if is_held else drop_unnamed(connection, tenant_id)
    with transaction(engine, "dropping resolved rejects") as connection:
        rejects = execute(connection, _DROP_REJECTS, tenant=tenant_id, days=reject_days).rowcount
    return Pruned(old, broken, pages, rejects, is_held)


def _drop_broken(connection: Connection, tenant_id: str) -> int:
    """Drop the landings of fetches that broke off; return how many.

    Each fetch holds a lock as long as its connection lives. If nobody holds it, no landing will be completed any more.
    """
    hours = 0 if locks.try_hold(connection, locks.fetches(tenant_id)) else BROKEN_AFTER_HOURS
    return execute(connection, _DROP_BROKEN, tenant=tenant_id, hours=hours).rowcount


def drop_unnamed(connection: Connection, tenant_id: str) -> int:
    """Drop the pages that no landing names; return how many. The caller holds the pages, and no fetch is under way."""
    return execute(connection, _DROP_UNNAMED, tenant=tenant_id).rowcount
