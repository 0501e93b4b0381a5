"""Retention: delete old landings, then the pages that no landing refers to, with their validators, then old rejects.

A landing is kept if it is recent, if it is the watermark of a day or a collection, if it is the newest fetch that
repeats such a landing, or if it is the newest of its entity. Rows of entities are never deleted.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.landing import validators
from inn8_pipeline.warehouse.landing.pages import hold_pages
from inn8_pipeline.warehouse.schema import migrations

BROKEN_AFTER_HOURS = 24
"""After this time a fetch is taken to have failed, even if its process is still running."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """The numbers of deleted rows. `are_pages_held`: no page was deleted, because a fetch in progress may use them."""

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
# A rebuild reads the newest landing, even if it repeats the one that was merged, so that landing is kept too.
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
# The digests are unnested, so that Postgres can use a hash join. `= any (l.page_digests)` would search the list of each
# landing for each page.
_UNNAMED = sql.SQL(
    """
    delete from {table} p
     where p.tenant_id = %(tenant)s {among}
       and not exists (
         select from (select unnest(page_digests) as sha256 from inn8_raw.landings where tenant_id = %(tenant)s
                      {of_groups}) n
          where n.sha256 = p.sha256)
    {returning}
    """
)
_OF_GROUPS = sql.SQL(
    "union all select unnest(page_digests) as sha256 from inn8_raw.page_groups where tenant_id = %(tenant)s"
)
_AMONG = sql.SQL("and p.sha256 = any (%(digests)s)")
_NOTHING = sql.SQL("")


def _unnamed(table: str, among: sql.SQL, of_groups: sql.SQL, returning: str = "") -> sql.Composed:
    """Return the statement that deletes what neither a landing nor a group (with `of_groups`) refers to."""
    return _UNNAMED.format(
        table=sql.Identifier("inn8_raw", table), among=among, of_groups=of_groups, returning=sql.SQL(returning)
    )


_DROP_UNNAMED_GROUPS = _unnamed("page_groups", _NOTHING, _NOTHING)
_DROP_UNNAMED = _unnamed("pages", _NOTHING, _OF_GROUPS)
_DROP_UNNAMED_GROUPS_OF = _unnamed("page_groups", _AMONG, _NOTHING, "returning page_digests")
_DROP_UNNAMED_OF = _unnamed("pages", _AMONG, _OF_GROUPS)
_DISCARD = sql.SQL(
    """
    delete from inn8_raw.landings where tenant_id = %(tenant)s and entity = %(entity)s and run_id = %(run)s
    returning page_digests
    """
)
_DROP_REJECTS = sql.SQL(
    """
    delete from inn8.rejected_records
     where tenant_id = %(tenant)s and resolved_at < now() - make_interval(days => %(days)s)
    """
)


def discard(engine: Engine, tenant_id: str, entity: Entity, run_id: str) -> None:
    """Delete the landings of an entity that a dry run has fetched, and the pages that no other landing refers to.

    While another fetch is in progress, which may rely on them, the pages stay. The weekly maintenance deletes them.
    """
    with transaction(engine, "discarding a landing") as connection:
        hold_pages(connection, tenant_id, for_pruning=True)
        discarded = execute(connection, _DISCARD, tenant=tenant_id, entity=entity.name, run=run_id)
        digests = [digest for row in discarded for digest in row["page_digests"]]
        if execute(connection, _IS_UNDER_WAY, tenant=tenant_id).fetchone() is None:
            groups = execute(connection, _DROP_UNNAMED_GROUPS_OF, tenant=tenant_id, digests=digests)
            digests += [digest for row in groups for digest in row["page_digests"]]
            execute(connection, _DROP_UNNAMED_OF, tenant=tenant_id, digests=digests)


STEPS = 3
"""The number of steps of `prune`, after each of which `on_step` is called."""


def prune(
    engine: Engine,
    tenant_id: str,
    landing_days: int,
    reject_days: int,
    on_step: Callable[[], None] = lambda: None,
) -> Pruned:
    """Delete the tenant's old landings and resolved rejects, and pages that no landing refers to.

    Args:
        engine: The warehouse.
        tenant_id: The tenant.
        landing_days: Delete landings that are older than this number of days.
        reject_days: Delete rejects that were resolved more than this number of days ago.
        on_step: Called after each of the `STEPS` steps.

    """
    with transaction(engine, "dropping old landings") as connection:
        migrations.check(connection)
        broken = _drop_broken(connection, tenant_id)
        old = execute(connection, _DROP_OLD, tenant=tenant_id, days=landing_days).rowcount
    on_step()
    with transaction(engine, "dropping old pages") as connection:
        hold_pages(connection, tenant_id, for_pruning=True)
        is_held = execute(connection, _IS_UNDER_WAY, tenant=tenant_id).fetchone() is not None
        pages = 0 if is_held else drop_unnamed(connection, tenant_id)
        validators.prune(connection, tenant_id)
    on_step()
    with transaction(engine, "dropping resolved rejects") as connection:
        rejects = execute(connection, _DROP_REJECTS, tenant=tenant_id, days=reject_days).rowcount
    on_step()
    return Pruned(old, broken, pages, rejects, is_held)


def _drop_broken(connection: Connection, tenant_id: str) -> int:
    """Delete the landings of fetches that failed; return how many.

    Each fetch shares a lock until it ends. If no session holds it, no incomplete landing can still become complete.
    """
    hours = 0 if locks.try_hold(connection, locks.fetches(tenant_id)) else BROKEN_AFTER_HOURS
    return execute(connection, _DROP_BROKEN, tenant=tenant_id, hours=hours).rowcount


def drop_unnamed(connection: Connection, tenant_id: str) -> int:
    """Delete the pages that no landing refers to, itself or by a group, and such groups; return how many pages.

    Call `hold_pages` for pruning first, and check that no fetch is in progress.
    """
    execute(connection, _DROP_UNNAMED_GROUPS, tenant=tenant_id)
    return execute(connection, _DROP_UNNAMED, tenant=tenant_id).rowcount
