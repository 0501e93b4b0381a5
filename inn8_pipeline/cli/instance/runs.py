"""Runs of Dagster's in this process: what a sync covers, as runs; one run executed; what its log says.

In this process, because a run costs two seconds there and four and a queue elsewhere. The run is stored like any other.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from inn8_pipeline.cli.instance.instance import storage_guarded
from inn8_pipeline.cli.support.folders import packaged
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, Definitions, JobDefinition

    from inn8_pipeline.defs.names import Tenant

UNLOGGED = "The run ended before it could log why; its events in the Dagster UI show how far it came."


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run: a tenant's entity, and for transactions its days.

    `is_rebuild`: from the landings, INN8 is not asked. `allowed` are the bounds that are lifted, as the launchpad names
    them (`allow_changes`). `is_backfill`: the sync log calls it a backfill. `is_dry_run`: nothing
    is written, and the landing is kept only if it `keeps_landing`.
    """

    tenant: "Tenant"
    entity: Entity
    window: Window | None = None
    is_rebuild: bool = False
    allowed: tuple[str, ...] = ()
    is_backfill: bool = False
    is_dry_run: bool = False
    keeps_landing: bool = False

    @property
    def weight(self) -> int:
        """Its share of the progress: days, where there are any."""
        return len(list(self.window.days())) if self.window else 1

    def __str__(self) -> str:
        """For the progress display."""
        name = self.tenant.name(str(self.entity))
        return f"{name} {self.window}" if self.window else name


def plan(tenant: "Tenant", entities: Sequence[Entity], window: Window) -> list[PlannedRun]:
    """Return the runs of these entities in the order in which they need each other; days newest first, in pieces."""
    from inn8_pipeline.defs.partitions import chunks

    wanted = [entity for entity in ENTITIES if entity in entities]
    whole = [PlannedRun(tenant, entity) for entity in wanted if not entity.has_days]
    return whole + [
        PlannedRun(tenant, entity, piece) for entity in wanted if entity.has_days for piece in chunks(window)
    ]


def load_definitions() -> "Definitions":
    """Return the definitions, of the settings as they are now."""
    from inn8_pipeline.definitions import defs

    return defs()


def execute(
    definitions: "Definitions", instance: "DagsterInstance", step: PlannedRun, *, verbose: bool = False
) -> LoggedSync:
    """Run one step to its end, and return its entry of the log.

    Raises DagsterStorageError where the run cannot be stored. SIGINT and SIGTERM end it as `Failed`.
    """
    from inn8_pipeline.defs.instance.internals import InMemoryJob, execute_run
    from inn8_pipeline.defs.runs import process

    # Whichever executor the settings name: the steps of this run work here.
    job = definitions.resolve_job_def(step.tenant.job_name(step.entity)).as_ephemeral_job({}, {})
    with storage_guarded(), ended_by_signals():
        run = _create(instance, job, step, {**_config(step), **({} if verbose else _QUIET)})
        with process.held(instance, run.run_id), nullcontext() if verbose else _silent_stderr():
            execute_run(InMemoryJob(job), run, instance)
        return _logged(instance, run, step)


def _logged(instance: "DagsterInstance", run: "DagsterRun", step: PlannedRun) -> LoggedSync:
    """Return how the run ended, as it has logged it in Dagster's storage: the warehouse may be away."""
    from inn8_pipeline.defs.sync_log import dry_runs, evaluations, killed_runs, recording

    key = step.tenant.key(step.entity)
    written = [each for each in killed_runs.log_of(instance, run) if each.asset_key == key and each.partition is None]
    found = evaluations.entry_of(written[-1]) if written else dry_runs.entry_of(instance, run, key)
    entry = found or SyncLogEntry(Status.FAILED, description=UNLOGGED)
    trigger = recording.trigger_of(run, step.tenant.raw_key(step.entity))
    return LoggedSync(step.tenant.tenant_id, step.entity.name, run.run_id, entry, step.window, trigger)


def _create(
    instance: "DagsterInstance", job: "JobDefinition", step: PlannedRun, config: Mapping[str, Any]
) -> "DagsterRun":
    """Return the run, stored with where it is from, as the UI's are; without that, nobody could rerun it in the UI."""
    from inn8_pipeline.defs.instance.internals import (
        SINGLETON_REPOSITORY_NAME,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
        location_origins_from_yaml_paths,
    )
    from inn8_pipeline.defs.names import MAX_RETRIES_TAG, TRIGGER_TAG
    from inn8_pipeline.defs.partitions import range_tags

    (location,) = location_origins_from_yaml_paths([str(packaged("workspace.yaml"))])
    return instance.create_run_for_job(
        job,
        asset_selection=frozenset(step.tenant.keys(step.entity)[1:]) if step.is_rebuild else None,
        # Who typed the command sees how it ended, and is not to find it begun again.
        tags={
            **job.run_tags,
            **(range_tags(step.window) if step.window else {}),
            **({TRIGGER_TAG: Trigger.BACKFILL.value} if step.is_backfill else {}),
            MAX_RETRIES_TAG: "0",
        },
        run_config=config,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name),
    )


def _config(step: PlannedRun) -> dict[str, Any]:
    from inn8_pipeline.defs.sync_log import dry_runs

    merging = step.tenant.name(f"merge_{step.entity}")
    wanted = {dry_runs.OPTION: step.is_dry_run, dry_runs.KEEPS_LANDING: step.keeps_landing}
    options = [*step.allowed, *(name for name, is_wanted in wanted.items() if is_wanted)]
    return {"ops": {merging: {"config": dict.fromkeys(options, True)}}} if options else {}


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what is written to standard error: Dagster writes each statement there that its storage refuses."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield


_QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP end the run within, and the command after it, by KeyboardInterrupt.

    SIGHUP comes when the terminal closes; under `nohup` it is ignored, as it was before. Dagster installs handlers of
    its own while a step executes, and gives SIGTERM that of SIGINT, which may be to ignore it. So the signals received
    are read from the file descriptor to which Python writes every signal that it handles.
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
    noted_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
        if handlers.keys() & set(_noted(reader)):
            raise KeyboardInterrupt
    finally:
        signal.set_wakeup_fd(noted_before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _as_sigint(_number: int, _frame: FrameType | None) -> None:
    """Call the handler of SIGINT, which Dagster replaces while a step executes."""
    signal.raise_signal(signal.SIGINT)


def _noted(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""
