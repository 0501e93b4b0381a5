"""The sensor `watch_runs`: log the end of runs that were killed or canceled, and end runs whose process is gone.

It writes the sync log entries that a run had planned and did not write, so that there is exactly one of each. Dagster's
own run status sensors are not used: they took 127 s for forty runs that were canceled at once.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun

from inn8_pipeline.defs import names
from inn8_pipeline.defs.instance.internals import AssetCheckEvaluationPlanned
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.runs import pools
from inn8_pipeline.defs.sync_log import dagster_log, dry_runs, warehouse_log
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import SyncLogEntry

if TYPE_CHECKING:
    from inn8_pipeline.defs.runs import process
    from inn8_pipeline.defs.sync_log import committed_days
else:
    committed_days = lazy_module("inn8_pipeline.defs.sync_log.committed_days")
    process = lazy_module("inn8_pipeline.defs.runs.process")

SECONDS_BETWEEN_LOOKS = 10
CONFIRMED_AFTER = timedelta(seconds=15)
"""A run is ended if two looks this far apart find no process: its connection is gone while Postgres restarts."""
_OVERLAP = timedelta(minutes=1)
_FIRST_LOOK = timedelta(days=1)
_ENDED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_WITH_PROCESS = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]

_NOT_WRITTEN = "What it had not finished was not written; the next sync does it again."
_ERASURE_CUT_OFF = (
    "An erasure is one transaction, so all or nothing was erased: `inn8 erase client ID` without --yes shows which."
)
_KILLED = (
    "The run ended before it could log why: its process was killed, or it reached its time limit. "
    f"{_NOT_WRITTEN} The run's events in the Dagster UI show how far it got."
)
_CANCELED = f"The run was canceled. {_NOT_WRITTEN}"


@dataclass(frozen=True, slots=True)
class _Cursor:
    """What the sensor remembers.

    Attributes:
        looked_at: When it last looked.
        without_process: Since when it has found no process, by run.
        unrecorded: The runs that ended and whose entries are not in the warehouse, because it was away.

    """

    looked_at: str = ""
    without_process: dict[str, str] = field(default_factory=dict)
    unrecorded: list[str] = field(default_factory=list)

    @property
    def ended_after(self) -> datetime:
        """The instant from which ended runs are examined."""
        return datetime.fromisoformat(self.looked_at) - _OVERLAP if self.looked_at else now() - _FIRST_LOOK


def sensor(tenants: Sequence[Tenant]) -> dg.SensorDefinition:
    """Return the sensor. One serves all tenants, because the key of an asset names its tenant."""

    @dg.sensor(
        name="watch_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description=(
            "Ends runs whose process is gone, and writes the `Failed` entry in the sync log of runs that were killed "
            "or canceled. Keep it on: without it, a dead run blocks its entity for two hours and leaves no entry."
        ),
    )
    def watch_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        pools.register(context.instance, tenants)
        cursor = _Cursor(**json.loads(context.cursor)) if context.cursor else _Cursor()
        looked_at = now()
        without, ended = end_dead_runs(context.instance, cursor.without_process)
        problems: dict[str, str] = {}
        for run in _ended_runs(context.instance, cursor):
            problem = write_missing(context.instance, run, _KILLED if run.is_failure else _CANCELED)
            if problem is not None:
                problems[run.run_id] = problem
        context.update_cursor(json.dumps(asdict(_Cursor(looked_at.isoformat(), without, [*problems]))))
        sentences = ended or ["The process of every run in progress is alive."]
        if problems:
            sentences.append(f"{len(problems)} runs are not in the warehouse yet: {next(iter(problems.values()))}")
        return dg.SkipReason(" ".join(sentences))

    return watch_runs


def _ended_runs(instance: DagsterInstance, cursor: _Cursor) -> list[DagsterRun]:
    """Return the runs to complete: those that failed or were canceled since the last look or are still unrecorded.

    Dry runs are among them however they ended: Dagster skips the steps below a table that was not written, and then
    nothing has deleted what the run fetched for them.
    """
    ended = instance.get_runs(
        dg.RunsFilter(statuses=[*_ENDED, dg.DagsterRunStatus.SUCCESS], updated_after=cursor.ended_after)
    )
    runs = [run for run in ended if not run.is_success or dry_runs.is_dry(run)]
    older = set(cursor.unrecorded) - {run.run_id for run in runs}
    return runs + ([*instance.get_runs(dg.RunsFilter(run_ids=sorted(older)))] if older else [])


def end_dead_runs(instance: DagsterInstance, known: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """End the runs whose process has been gone for at least `CONFIRMED_AFTER`, and those canceled before they had one.

    Dagster itself ends a run that is canceled while a backfill creates it only after `cancel_timeout_seconds`.

    Args:
        instance: Dagster's instance.
        known: For each run id without a process, since when, in ISO 8601.

    Returns:
        The updated mapping, without the runs that were ended, and a message for each run that was ended.

    """
    in_progress = instance.get_runs(dg.RunsFilter(statuses=_WITH_PROCESS))
    watched = {run.run_id: run for run in in_progress if names.PROCESS_TAG in run.tags}
    never_began = {run.run_id: run for run in in_progress if _was_canceled_before_it_began(instance, run)}
    gone = process.without_process(instance, watched) | never_began.keys()
    without = {run_id: known.get(run_id, now().isoformat()) for run_id in gone}
    dead = [run_id for run_id, since in without.items() if now() - datetime.fromisoformat(since) >= CONFIRMED_AFTER]
    ended = [_end(instance, (watched | never_began)[run_id]) for run_id in dead]
    return {run_id: since for run_id, since in without.items() if run_id not in dead}, ended


def _was_canceled_before_it_began(instance: DagsterInstance, run: DagsterRun) -> bool:
    if run.status is not dg.DagsterRunStatus.CANCELING or names.PROCESS_TAG in run.tags:
        return False
    return not instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_STARTING, limit=1).records


def _end(instance: DagsterInstance, run: DagsterRun) -> str:
    """End a run whose process is gone, and return the message about it."""
    way_out = _ERASURE_CUT_OFF if run.job_name == names.ERASE_JOB else _NOT_WRITTEN
    if place := run.tags.get(names.PROCESS_TAG):
        message = (
            f"The process of run {run.run_id[:8]} is gone ({place}): it was killed, or its terminal or machine was "
            f"shut down. {way_out}"
        )
    else:
        message = f"Run {run.run_id[:8]} was canceled before it began. {way_out}"
    write_missing(instance, run, message)
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message)
    else:
        instance.report_run_failed(run, message)
    return message


def write_missing(instance: DagsterInstance, run: DagsterRun, message: str) -> str | None:
    """Write a `Failed` entry wherever the run had planned one and left none: for the run and for each of its days.

    The run's own entry is written to the warehouse too. If the warehouse already has the entry of a committed merge,
    that one is written instead, and its days are materialized: the process was killed between the commit and the log.

    A dry run has no entry. What it fetched is deleted, unless the landing was to be kept.

    Returns:
        Why the warehouse could not be written, so that it must be tried again; None if it was written.

    """
    if dry_runs.is_dry(run):
        return None if dry_runs.keeps_landing(run) else _discard_landings(instance, run)
    written = {(each.asset_key, each.partition): each for each in log_of(instance, run)}
    tables = warehouse_log.known_tables()
    problem = None
    for key, days, step_key in _planned(instance, run):
        entry = _entry(written.get((key, None)), message)
        if key in tables:
            try:
                entry = warehouse_log.write_ended(replace(warehouse_log.sync_of(run, *tables[key], days), entry=entry))
            except Inn8Error as error:
                problem = str(error)
            if entry.status is not Status.FAILED:
                committed_days.materialize(instance, run, step_key, days)
        for day in (*days, None):
            if (key, day) not in written:
                event = DagsterEvent(
                    event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION.value,
                    job_name=run.job_name,
                    step_key=step_key,
                    message=message,
                    event_specific_data=dagster_log.evaluation(entry, key, day),
                )
                instance.report_dagster_event(event, run_id=run.run_id)
    return problem


def _discard_landings(instance: DagsterInstance, run: DagsterRun) -> str | None:
    tables = warehouse_log.known_tables()
    try:
        for key, _, _ in _planned(instance, run):
            if key in tables:
                warehouse_log.discard_landings(run, *tables[key])
    except Inn8Error as error:
        return str(error)
    return None


def _entry(written: dg.AssetCheckEvaluation | None, message: str) -> SyncLogEntry:
    at = now()
    return dagster_log.entry_of(written) if written else SyncLogEntry(Status.FAILED, at, at, description=message)


def has_planned(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Return whether the run had planned a sync log entry."""
    return any(True for _ in _planned(instance, run))


def log_of(instance: DagsterInstance, run: DagsterRun) -> list[dg.AssetCheckEvaluation]:
    """Return the sync log entries that the run has written, including those of its days."""
    events = _events(instance, run, DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [event.asset_check_evaluation_data for event in events]
    return [each for each in found if each.check_name == names.SYNC_LOG]


def _planned(instance: DagsterInstance, run: DagsterRun) -> Iterator[tuple[dg.AssetKey, tuple[str, ...], str | None]]:
    for event in _events(instance, run, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED):
        plan = event.event_specific_data
        if not isinstance(plan, AssetCheckEvaluationPlanned) or plan.asset_check_key.name != names.SYNC_LOG:
            continue
        days = tuple(plan.partitions_subset.get_partition_keys()) if plan.partitions_subset else ()
        yield plan.asset_check_key.asset_key, days, event.step_key


def _events(instance: DagsterInstance, run: DagsterRun, kind: DagsterEventType) -> Iterator[DagsterEvent]:
    for record in instance.get_records_for_run(run.run_id, of_type=kind).records:
        if record.event_log_entry.dagster_event:
            yield record.event_log_entry.dagster_event
