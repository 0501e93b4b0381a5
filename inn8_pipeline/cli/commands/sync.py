"""`inn8 sync`: fetch and merge entities now."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import (
    ENTITY,
    json_option,
    tenant_ids_of,
    tenant_option,
    tenants_of,
    verbose_option,
    window_of,
)
from inn8_pipeline.cli.support.output import print_text, silence
from inn8_pipeline.cli.support.queries import has_merged
from inn8_pipeline.cli.support.times import DAY
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, SyncSettings

if TYPE_CHECKING:
    from inn8_pipeline.cli.support import changes, sync_runs
else:
    changes = lazy_module("inn8_pipeline.cli.support.changes")
    sync_runs = lazy_module("inn8_pipeline.cli.support.sync_runs")

EPILOG = examples(
    "inn8 sync                                      all entities; of days of trade, the last INN8_LOOKBACK_DAYS",
    "inn8 sync clients portfolios",
    "inn8 sync transactions --from 2026-03-01 --to 2026-03-31",
    "inn8 sync --full                               all entities; all days since INN8_TRANSACTIONS_FROM",
    "inn8 sync clients --rebuild                    merge the stored landing again, without INN8",
    "inn8 sync clients --tenant firm --allow-changes",
    "inn8 sync clients --dry-run                    preview a sync; nothing is written",
    notes="Exit codes: 0 Success or NoData, 1 Failed, 3 PartialSuccess; of several runs, the worst status counts.",
)


@click.command(name="sync", epilog=EPILOG)
@click.argument("entities", nargs=-1, type=ENTITY)
@click.option("--from", "from_date", type=DAY, help="First day of trade.")
@click.option("--to", "to_date", type=DAY, help="Last day of trade. Default with --from: today.")
@click.option(
    "--full", is_flag=True, help="Sync all days of trade since INN8_TRANSACTIONS_FROM, and compare all values."
)
@click.option("--rebuild", is_flag=True, help="Merge the stored landings again; request nothing from INN8.")
@click.option(
    "--allow-removals", is_flag=True, help="Mark rows as missing even if they are more than INN8_MAX_REMOVED_PERCENT."
)
@click.option(
    "--allow-rejects", is_flag=True, help="Merge even if more records are rejected than INN8_MAX_REJECTED_PERCENT."
)
@click.option(
    "--allow-changes", is_flag=True, help="Merge even if a column changes in more rows than INN8_MAX_CHANGED_PERCENT."
)
@click.option("--dry-run", is_flag=True, help="Write nothing; show what a sync would change, and its sync log entry.")
@click.option("--keep-landing", is_flag=True, help="With --dry-run: keep the landing, for a later --rebuild.")
@tenant_option
@json_option
@verbose_option
def command(
    entities: tuple[Entity, ...],
    from_date: date | None,
    to_date: date | None,
    full: bool,
    rebuild: bool,
    allow_removals: bool,
    allow_rejects: bool,
    allow_changes: bool,
    dry_run: bool,
    keep_landing: bool,
    tenant_id: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Fetch and merge the named entities, or all of them, in Dagster runs; `inn8 log` shows the sync log.

    Entities such as transactions are synced by day of trade, by default the last INN8_LOOKBACK_DAYS days. Each option
    that begins with --allow lifts a limit for this sync only: use it after INN8 has confirmed that its data is right.

    With --dry-run, the merge is rolled back and nothing is written; the rows that would change are shown as inn8 diff
    shows them, and are personal data. Each landing is compared with the tables as they are now, so a portfolio whose
    client is not loaded yet is counted as rejected.
    """
    if keep_landing and not dry_run:
        raise click.UsageError("--keep-landing belongs to --dry-run: a sync keeps its landing anyway.")
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    settings = sync_runs.read_settings(environment, tenant_ids)
    wanted = list(entities) or list(ENTITIES)
    window = _window(settings, wanted, from_date, to_date, full=full)
    if not verbose:
        silence()
    if window is None:
        window = settings.last_days(settings.lookback_days)
        _mention_first_sync(environment, settings, tenant_ids, wanted)
    lifted = {"allow_removals": allow_removals, "allow_rejects": allow_rejects, "allow_changes": allow_changes}
    allowed = tuple(name for name, is_given in lifted.items() if is_given)
    planned = [
        replace(
            run,
            is_rebuild=rebuild,
            compares_values=full,
            allowed=allowed,
            is_dry_run=dry_run,
            keeps_landing=keep_landing,
        )
        for tenant in tenants_of(environment, tenant_id)
        for run in dagster_modules.runs.plan(tenant, wanted, window)
    ]
    with changes.Preview() if dry_run else nullcontext() as preview:
        found = sync_runs.run_all(environment, planned, preview, verbose=verbose)
        sync_runs.report(environment, planned, found, preview, as_json=as_json)


def _window(
    settings: SyncSettings, wanted: Sequence[Entity], from_date: date | None, to_date: date | None, *, full: bool
) -> Window | None:
    named = window_of(settings, from_date, to_date)
    if full and named:
        raise click.UsageError("--full syncs all days: omit --from and --to.")
    if named and not any(entity.has_days for entity in wanted):
        raise click.UsageError("--from and --to are days of trade, which none of these entities has.")
    return settings.full_window() if full else named


def _mention_first_sync(
    environment: Environment, settings: SyncSettings, tenant_ids: Sequence[str], wanted: Sequence[Entity]
) -> None:
    by_day = [entity for entity in wanted if entity.has_days]
    if False in [has_merged(environment, tenant_id, entity) for tenant_id in tenant_ids for entity in by_day]:
        print_text(
            f"First sync: only the last {settings.lookback_days} days of trade are loaded. "
            f"`inn8 sync --full` loads all days since {settings.transactions_from}.",
            on_stderr=True,
        )
