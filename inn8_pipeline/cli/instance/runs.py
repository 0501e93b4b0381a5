"""Execute Dagster runs in this process: plan those of a sync, and return their sync log entries.

In this process a run has an overhead of two seconds; launched through the daemon, it has four and waits in a queue. The
run is stored like any other.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from dagster import AssetKey, DagsterInstance, DagsterRun, Definitions, JobDefinition

from inn8_pipeline.cli.instance.instance import storage_guarded
from inn8_pipeline.cli.support.folders import packaged
from inn8_pipeline.definitions import defs
from inn8_pipeline.defs.instance.internals import (
    SINGLETON_REPOSITORY_NAME,
    InMemoryJob,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    execute_run,
)
from inn8_pipeline.defs.instance.late_internals import location_origins_from_yaml_paths
from inn8_pipeline.defs.names import COMPARE_TAG, MAX_RETRIES_TAG, TRIGGER_TAG, Tenant
from inn8_pipeline.defs.partitions import chunks, range_tags
from inn8_pipeline.defs.runs import process
from inn8_pipeline.defs.sync_log import dagster_log, dry_runs, killed_runs, warehouse_log
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import UNLOGGED, LoggedSync, SyncLogEntry, Trigger


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run: a tenant, an entity and, if the entity has days of trade, the days.

    Attributes:
        tenant: The tenant.
        entity: The entity.
        window: The days of trade; None if the entity has none.
        is_rebuild: Whether to merge stored landings instead of fetching from INN8.
        allowed: The limits to lift, as the launchpad names them: `allow_changes`.
        is_backfill: Whether the sync log calls the run a backfill.
        compares_values: Whether to compare all values with the table, even if INN8 sends what it sent before.
        is_dry_run: Whether to roll back the merge and write nothing.
        keeps_landing: Whether a dry run keeps its landing.

    """

    tenant: Tenant
    entity: Entity
    window: Window | None = None
    is_rebuild: bool = False
    allowed: tuple[str, ...] = ()
    is_backfill: bool = False
    compares_values: bool = False
    is_dry_run: bool = False
    keeps_landing: bool = False

    @property
    def weight(self) -> int:
        """The run's share of the progress: its number of days, or 1 if it has none."""
        return len(list(self.window.days())) if self.window else 1

    def __str__(self) -> str:
        """Return the run's name for the progress display."""
        name = self.tenant.name(str(self.entity))
        return f"{name} {self.window}" if self.window else name


def plan(tenant: Tenant, entities: Sequence[Entity], window: Window) -> list[PlannedRun]:
    """Return the runs of these entities: parents first, and days of trade in chunks, the newest first."""
    wanted = [entity for entity in ENTITIES if entity in entities]
    whole = [PlannedRun(tenant, entity) for entity in wanted if not entity.has_days]
    return whole + [
        PlannedRun(tenant, entity, piece) for entity in wanted if entity.has_days for piece in chunks(window)
    ]


def load_definitions() -> Definitions:
    """Return the definitions, built from the current settings."""
    return defs()


def execute(
    definitions: Definitions, instance: DagsterInstance, planned: PlannedRun, *, verbose: bool = False
) -> LoggedSync:
    """Execute one planned run, and return its sync log entry. SIGINT, SIGTERM and SIGHUP end it as `Failed`.

    Raises:
        DagsterStorageError: The run cannot be stored.

    """
    # An ephemeral job executes its steps in this process, whichever executor the settings name.
    job = definitions.resolve_job_def(planned.tenant.job_name(planned.entity)).as_ephemeral_job({}, {})
    with storage_guarded(), ended_by_signals():
        run = run_job(
            instance,
            job,
            tags={
                **(range_tags(planned.window) if planned.window else {}),
                **({TRIGGER_TAG: Trigger.BACKFILL.value} if planned.is_backfill else {}),
                **({COMPARE_TAG: "values"} if planned.compares_values else {}),
            },
            config=_config(planned),
            assets=frozenset(planned.tenant.keys(planned.entity)[1:]) if planned.is_rebuild else None,
            verbose=verbose,
        )
        return _logged(instance, run, planned)


def run_job(
    instance: DagsterInstance,
    job: JobDefinition,
    *,
    tags: Mapping[str, str],
    config: Mapping[str, Any] | None = None,
    assets: AbstractSet[AssetKey] | None = None,
    verbose: bool = False,
) -> DagsterRun:
    """Store a run of the job, execute it in this process, and return it, however it ended.

    Args:
        instance: Dagster's instance.
        job: The job, whose steps execute in this process.
        tags: Tags of the run, beside those of the job.
        config: The configuration of the steps.
        assets: The assets to which the run is limited.
        verbose: Whether Dagster's log goes to the terminal.

    """
    run = _create(instance, job, tags, {**(config or {}), **({} if verbose else _QUIET)}, assets)
    with process.shown(instance, run.run_id), nullcontext() if verbose else _silent_stderr():
        execute_run(InMemoryJob(job), run, instance)
    return run


def _logged(instance: DagsterInstance, run: DagsterRun, planned: PlannedRun) -> LoggedSync:
    """Return the entry that the run has logged in Dagster's storage, because the warehouse may be unavailable."""
    key = planned.tenant.key(planned.entity)
    written = [each for each in killed_runs.log_of(instance, run) if each.asset_key == key and each.partition is None]
    found = dagster_log.entry_of(written[-1]) if written else dry_runs.entry_of(instance, run, key)
    entry = found or SyncLogEntry(Status.FAILED, description=UNLOGGED)
    trigger = warehouse_log.trigger_of(run, planned.tenant.raw_key(planned.entity))
    return LoggedSync(planned.tenant.tenant_id, planned.entity.name, run.run_id, entry, planned.window, trigger)


def _create(
    instance: DagsterInstance,
    job: JobDefinition,
    tags: Mapping[str, str],
    config: Mapping[str, Any],
    assets: AbstractSet[AssetKey] | None,
) -> DagsterRun:
    """Store and return the run with its code location as origin, without which the UI offers no re-execution."""
    (location,) = location_origins_from_yaml_paths([str(packaged("workspace.yaml"))])
    return instance.create_run_for_job(
        job,
        asset_selection=assets,
        # No automatic retry: whoever typed the command sees how it ended and decides.
        tags={**job.run_tags, **tags, MAX_RETRIES_TAG: "0"},
        run_config=config,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name),
    )


def _config(planned: PlannedRun) -> dict[str, Any]:
    merging = planned.tenant.name(f"merge_{planned.entity}")
    wanted = {dry_runs.OPTION: planned.is_dry_run, dry_runs.KEEPS_LANDING: planned.keeps_landing}
    options = [*planned.allowed, *(name for name, is_wanted in wanted.items() if is_wanted)]
    return {"ops": {merging: {"config": dict.fromkeys(options, True)}}} if options else {}


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard standard error, to which Dagster writes every SQL statement that its storage rejects."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield


_QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP end the run inside the block, and then the command by KeyboardInterrupt.

    SIGHUP is sent when the terminal closes; it stays ignored under `nohup`. While a step executes, Dagster installs its
    own handlers, and uses SIGINT's handler for SIGTERM, which may ignore it. Therefore the received signals are read
    from the wakeup file descriptor, to which Python writes every signal that it handles.
    """
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    wanted: dict[int, Callable[[int, FrameType | None], object]] = dict.fromkeys(
        (signal.SIGINT, signal.SIGTERM), signal.default_int_handler
    )
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted[signal.SIGHUP] = _as_sigint
    handlers = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    previous_wakeup_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
        if handlers.keys() & set(_received_signals(reader)):
            raise KeyboardInterrupt
    finally:
        signal.set_wakeup_fd(previous_wakeup_fd)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _as_sigint(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal like SIGINT, whose handler Dagster replaces while a step executes."""
    signal.raise_signal(signal.SIGINT)


def _received_signals(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""
