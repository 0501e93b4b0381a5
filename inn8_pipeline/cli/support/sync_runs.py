"""Execute planned runs in order, report their results, and print the commands for those that were not done."""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Never

import click

from inn8_pipeline.cli.instance.home import read_storage_url
from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.changes import Listing, print_changes
from inn8_pipeline.cli.support.group import EXIT_FAILED, EXIT_PARTIAL
from inn8_pipeline.cli.support.options import tenant_argument
from inn8_pipeline.cli.support.output import console, print_json, print_messages, print_text
from inn8_pipeline.cli.support.tables import log_table, zone_note
from inn8_pipeline.errors import WarehouseError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import (
    Environment,
    SyncSettings,
    check_tenants,
    now,
    read_api,
    read_database,
    read_executor,
    read_sync,
    read_tenant,
)
from inn8_pipeline.tracing.exporting import exporting
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import worst

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from inn8_pipeline.cli.instance.runs import PlannedRun
    from inn8_pipeline.cli.support import progress_display
    from inn8_pipeline.cli.support.changes import Preview
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync
else:
    progress_display = lazy_module("inn8_pipeline.cli.support.progress_display")

EXIT_CODES = {Status.FAILED: EXIT_FAILED, Status.PARTIAL_SUCCESS: EXIT_PARTIAL}


def read_settings(environment: Environment, tenant_ids: Sequence[str]) -> SyncSettings:
    """Read every setting that a sync needs, before Dagster is loaded, and return those of the sync.

    A warehouse that cannot be read is not an error here: the sync will fail, and its sync log entry says why.

    Raises:
        SettingsError: The first setting that is wrong.

    """
    for tenant_id in tenant_ids:
        read_tenant(environment, tenant_id)
    read_api(environment)
    read_executor(environment)
    read_storage_url(environment)
    settings = read_sync(environment)
    with suppress(WarehouseError):
        check_tenants(environment, read_database(environment).engine())
    return settings


def run_all(
    environment: Environment, planned: "Sequence[PlannedRun]", preview: "Preview | None" = None, *, verbose: bool
) -> "list[tuple[PlannedRun, LoggedSync]]":
    """Execute the planned runs in order in the Dagster instance, and return each with its sync log entry.

    `preview` reads what the dry runs among them would change.
    """
    with dagster_modules.instance.open_instance(environment) as instance:
        definitions = dagster_modules.runs.load_definitions()
        execute, dry_runs = dagster_modules.runs.execute, dagster_modules.dry_runs
        with dry_runs.previewed(preview.read) if preview else nullcontext():
            return run_each(planned, lambda run: execute(definitions, instance, run, verbose=verbose), environment)


def run_each(
    planned: "Sequence[PlannedRun]", run: "Callable[[PlannedRun], LoggedSync]", environment: Environment
) -> "list[tuple[PlannedRun, LoggedSync]]":
    """Execute the planned runs in order with a progress display. After a failure, skip further runs of that entity.

    On Ctrl-C, print the commands for the remaining runs, and raise KeyboardInterrupt again.
    """
    found: list[tuple[PlannedRun, LoggedSync]] = []
    done = 0
    with exporting(partial(print_text, on_stderr=True)), progress_display.progress() as shown:
        task = shown.add_task("", total=sum(each.weight for each in planned), note="")
        for number, each in enumerate(planned):
            if not any(_is_same(each, earlier) and sync.entry.status is Status.FAILED for earlier, sync in found):
                display = _RunDisplay(shown, task, each, f"run {number + 1} of {len(planned)}", done)
                try:
                    with dagster_modules.progress.listened(display.update):
                        found.append((each, run(each)))
                except KeyboardInterrupt:
                    _print_rest(planned[number:], environment)
                    raise
            done += each.weight
            shown.update(task, completed=done)
    return found


class _RunDisplay:
    """The display of one run: which it is, what it does, and how many records are done.

    Fetching counts as the first half of a run, merging as the second.
    """

    def __init__(self, shown: "Progress", task: "TaskID", run: "PlannedRun", note: str, done: float) -> None:
        self._shown = shown
        self._task = task
        self._run = run
        self._note = note
        self._done = done
        shown.update(task, description=str(run), note=note)

    def update(self, doing: str, done: int, total: int | None) -> None:
        """Show that so many records are done, of as many as are expected."""
        counted = dagster_modules.progress.counted(done, total)
        share = (min(done / total, 1) + (doing == "merging")) / 2 if total else 0
        completed = self._done + self._run.weight * share if share else None
        self._shown.update(self._task, completed=completed, note=f"{self._note}, {doing} {counted}")


def report(
    environment: Environment,
    planned: "Sequence[PlannedRun]",
    found: "Sequence[tuple[PlannedRun, LoggedSync]]",
    preview: "Preview | None" = None,
    *,
    as_json: bool,
) -> Never:
    """Print the results, the messages, and the commands for what was not synced; exit with the worst status's code."""
    syncs = [sync for _, sync in found]
    status = worst(sync.entry.status for sync in syncs)
    if as_json:
        shown = [_as_json(run, sync, preview) for run, sync in found]
        print_json({"status": status, "dry_run": preview is not None, "syncs": shown})
    else:
        screen = console()
        if preview:
            _print_preview(preview, syncs)
        screen.print(log_table(syncs, width=screen.width))
        if note := zone_note(now()):
            click.echo(note)
    print_messages(syncs, failures_only=as_json)
    failed = [] if preview else [run for run, sync in found if sync.entry.status is Status.FAILED]
    _print_rest([each for each in planned if each.window and any(_is_rest(each, run) for run in failed)], environment)
    sys.exit(EXIT_CODES.get(status, 0))


def commands_for(planned: "Sequence[PlannedRun]", environment: Environment) -> Iterator[str]:
    """Yield the commands for these runs, which must be ordered by tenant and entity; days become one range."""
    for (tenant_id, entity), group in groupby(planned, key=lambda each: (each.tenant.tenant_id, each.entity)):
        runs = list(group)
        windows = [each.window for each in runs if each.window]
        is_rebuild = runs[0].is_rebuild
        days = ""
        if windows:
            days = f" --from {min(each.from_date for each in windows)} --to {max(each.to_date for each in windows)}"
        verb = "backfill" if windows and not is_rebuild else "sync"
        rebuild = " --rebuild" if is_rebuild else ""
        yield f"inn8 {verb} {entity}{days}{rebuild}{tenant_argument(environment, tenant_id)}"


def _print_rest(planned: "Sequence[PlannedRun]", environment: Environment) -> None:
    commands = list(commands_for(planned, environment))
    if commands:
        print_text("Not everything was synced; what was merged before is kept. To sync the rest:", on_stderr=True)
        for command in commands:
            click.echo(f"  {command}", err=True)


def _is_same(run: "PlannedRun", other: "PlannedRun") -> bool:
    return (run.tenant, run.entity) == (other.tenant, other.entity)


def _is_rest(run: "PlannedRun", failed: "PlannedRun") -> bool:
    """Return whether a run is the failed one or one of earlier days: days run newest first, so those were skipped."""
    return bool(_is_same(run, failed) and run.window and failed.window and run.window.to_date <= failed.window.to_date)


def _print_preview(preview: "Preview", syncs: "Sequence[LoggedSync]") -> None:
    """Print what the syncs would change. The sync log comes after it, because this may be long."""
    changes = (change for sync in syncs for change in preview.changes(sync.run_id))
    listing = Listing(more="`--json` lists all", inserted="`--json` lists them")
    print_changes(changes, listing, has_several=len({sync.tenant_id for sync in syncs}) > 1, has_happened=False)
    click.echo("Dry run, nothing was written. The sync log would say:")


def _as_json(run: "PlannedRun", sync: "LoggedSync", preview: "Preview | None") -> dict[str, object]:
    shown = {name: value for name, value in sync.as_json().items() if run.window or name not in {"from", "to"}}
    if preview:
        shown["changes"] = [dataclasses.asdict(change) for change in preview.changes(sync.run_id)]
    return shown
