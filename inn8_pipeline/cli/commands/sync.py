"""`inn8 sync`: entities brought up to date now, against what the settings name."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import EXIT_FAILED, EXIT_PARTIAL
from inn8_pipeline.cli.support.history import LoggedSync, worst
from inn8_pipeline.cli.support.instance import open_instance, silence
from inn8_pipeline.cli.support.options import (
    DAY,
    ENTITY,
    json_option,
    tenant_option,
    tenants_of,
    verbose_option,
    window_of,
)
from inn8_pipeline.cli.support.runs import PlannedRun, execute, load_definitions, plan
from inn8_pipeline.cli.support.screen import console, log_table, print_json, print_messages, progress
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.settings import (
    Environment,
    SyncSettings,
    read_api,
    read_database,
    read_sync,
    read_tenant,
)
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from inn8_pipeline.defs.names import Tenant

EXIT_CODES = {Status.FAILED: EXIT_FAILED, Status.PARTIAL_SUCCESS: EXIT_PARTIAL}
EPILOG = """
\b
Examples
  inn8 sync                                      everything, transactions of the look-back
  inn8 sync clients portfolios
  inn8 sync transactions --from 2026-03-01 --to 2026-03-31
  inn8 sync --full                               everything since INN8_TRANSACTIONS_FROM
  inn8 sync clients --rebuild                    from the landing, without INN8
  inn8 sync clients --tenant firm --allow-changes
\b
Exit codes: 0 Success or NoData, 1 Failed, 3 PartialSuccess; the worst of them counts.
"""


@click.command(name="sync", epilog=EPILOG)
@click.argument("entities", nargs=-1, type=ENTITY)
@click.option("--from", "from_date", type=DAY, help="First day of trade.")
@click.option("--to", "to_date", type=DAY, help="Last day of trade; today where only --from is given.")
@click.option("--full", is_flag=True, help="All days of trade since INN8_TRANSACTIONS_FROM.")
@click.option("--rebuild", is_flag=True, help="From what was landed before; INN8 is not asked.")
@click.option("--allow-removals", is_flag=True, help="Mark rows as missing however many INN8 no longer sends.")
@click.option("--allow-rejects", is_flag=True, help="Go on however many records are rejected.")
@click.option("--allow-changes", is_flag=True, help="Change or empty a column in however many rows.")
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
    tenant_id: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Sync the named entities, or all, through Dagster; the run and its log stand in Dagster's storage.

    Transactions are synced by day of trade: those of the last INN8_LOOKBACK_DAYS days unless days are named. The
    options --allow-... lift a bound for this one sync: INN8_MAX_REMOVED_PERCENT, INN8_MAX_REJECTED_PERCENT,
    INN8_MAX_CHANGED_PERCENT.
    """
    environment = Environment()
    tenants = tenants_of(environment, tenant_id)
    settings = read_settings(environment, tenants)
    wanted = list(entities) or list(ENTITIES)
    window = _window(settings, wanted, from_date, to_date, full=full)
    if not verbose:
        silence()
    if window is None:
        window = settings.last_days(settings.lookback_days)
        _tell_of_first_sync(environment, settings, tenants, wanted)
    lifted = {"allow_removals": allow_removals, "allow_rejects": allow_rejects, "allow_changes": allow_changes}
    allowed = tuple(name for name, is_given in lifted.items() if is_given)
    steps = [
        replace(step, is_rebuild=rebuild, allowed=allowed)
        for tenant in tenants
        for step in plan(tenant, wanted, window)
    ]
    with open_instance(environment) as instance:
        definitions = load_definitions()
        found = run_steps(steps, lambda step: execute(definitions, instance, step, verbose=verbose))
    report(found, as_json=as_json)


def read_settings(environment: Environment, tenants: "Sequence[Tenant]") -> SyncSettings:
    """Every setting that a sync needs, before anything heavy is loaded; SettingsError for the first wrong one."""
    for tenant in tenants:
        read_tenant(environment, tenant.tenant_id)
    read_api(environment)
    read_database(environment)
    return read_sync(environment)


def _window(
    settings: SyncSettings, wanted: Sequence[Entity], from_date: date | None, to_date: date | None, *, full: bool
) -> Window | None:
    named = window_of(settings, from_date, to_date)
    if full and named:
        raise click.UsageError("--full means all days: leave --from and --to out.")
    if named and not any(entity.has_days for entity in wanted):
        raise click.UsageError("--from and --to are days of trade: they go with transactions.")
    return settings.history() if full else named


def run_steps(
    steps: Sequence[PlannedRun], run: Callable[[PlannedRun], LoggedSync]
) -> list[tuple[PlannedRun, LoggedSync]]:
    """Run them in order, with a progress display. An entity that failed gets no more days; the others go on."""
    found: list[tuple[PlannedRun, LoggedSync]] = []
    failed: set[tuple[Tenant, Entity]] = set()
    with progress() as shown:
        task = shown.add_task("", total=sum(step.weight for step in steps), note="")
        for number, step in enumerate(steps, 1):
            if (step.tenant, step.entity) not in failed:
                shown.update(task, description=str(step), note=f"run {number} of {len(steps)}")
                found.append((step, run(step)))
                if found[-1][1].entry.status is Status.FAILED:
                    failed.add((step.tenant, step.entity))
            shown.advance(task, step.weight)
    return found


def report(found: Sequence[tuple[PlannedRun, LoggedSync]], *, as_json: bool) -> None:
    """Print a line per run, the reasons on standard error, and leave with the worst status's exit code."""
    syncs = [sync for _, sync in found]
    status = worst(sync.entry.status for sync in syncs)
    if as_json:
        print_json({"status": status, "syncs": [_as_json(step, sync) for step, sync in found]})
    else:
        console().print(log_table(syncs))
        if Status.PARTIAL_SUCCESS in {sync.entry.status for sync in syncs}:
            click.echo("Refused records, with their reasons: inn8 rejects list")
    print_messages(syncs)
    for step, sync in found:
        if sync.entry.status is Status.FAILED and step.window:
            click.echo(
                f"Days up to {step.window.to_date} were not synced; those after it, if asked for, are in. To go on: "
                f"inn8 backfill transactions --from DAY --to {step.window.to_date}"
                + ("" if step.tenant.is_default else f" --tenant {step.tenant.tenant_id}"),
                err=True,
            )
    sys.exit(EXIT_CODES.get(status, 0))


def _as_json(step: PlannedRun, sync: LoggedSync) -> dict[str, object]:
    days = {"from": step.window.from_date, "to": step.window.to_date} if step.window else {}
    return {**sync.as_json(), **days}


def _tell_of_first_sync(
    environment: Environment, settings: SyncSettings, tenants: "Sequence[Tenant]", wanted: Sequence[Entity]
) -> None:
    from inn8_pipeline.cli.support.queries import has_merged

    by_day = [entity for entity in wanted if entity.has_days]
    if False in [has_merged(environment, tenant.tenant_id, entity) for tenant in tenants for entity in by_day]:
        click.echo(
            f"First sync: it covers the last {settings.lookback_days} days of trade only. "
            f"`inn8 sync --full` brings all since {settings.transactions_from}.",
            err=True,
        )
