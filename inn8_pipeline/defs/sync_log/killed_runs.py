"""Sync log entries of runs that could not log their own end, because they were killed or canceled.

One sensor watches failed runs, another canceled ones (Dagster's failure sensor does not fire on cancellation). An entry
is written into the run where Dagster had planned it, so that there is exactly one.
"""

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun

from inn8_pipeline.defs import names
from inn8_pipeline.defs.dagster_internals import AssetCheckEvaluationPlanned
from inn8_pipeline.defs.sync_log.entries import evaluation
from inn8_pipeline.defs.sync_log.entry import SyncLogEntry
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status

_KILLED = (
    "The run ended before it could log why: its process was killed, or reached its time limit. Nothing that it had "
    "not finished was written; the next sync does it again. The run's events in the Dagster UI show how far it came."
)
_CANCELED = "The run was canceled. Nothing that it had not finished was written; the next sync does it again."


def sensors() -> list[dg.SensorDefinition]:
    """Return both sensors; they serve every tenant, because an asset's key says whose it is."""

    @dg.run_failure_sensor(
        name="log_killed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        monitor_all_code_locations=True,
        description=(
            "Writes the `Failed` entry of the sync log for a run that died before it could. Keep it on: otherwise a "
            "killed run leaves no entry."
        ),
    )
    def log_killed_runs(context: dg.RunFailureSensorContext) -> None:
        write_missing(context.instance, context.dagster_run, _KILLED)

    @dg.run_status_sensor(
        name="log_canceled_runs",
        run_status=dg.DagsterRunStatus.CANCELED,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        monitor_all_code_locations=True,
        description=(
            "Writes the `Failed` entry of the sync log for a run that was canceled. Keep it on: otherwise a canceled "
            "run leaves no entry."
        ),
    )
    def log_canceled_runs(context: dg.RunStatusSensorContext) -> None:
        write_missing(context.instance, context.dagster_run, _CANCELED)

    return [log_killed_runs, log_canceled_runs]


def write_missing(instance: DagsterInstance, run: DagsterRun, message: str) -> None:
    """Write a `Failed` entry wherever the run had planned one and left none: for the run and for each of its days."""
    written = {(each.asset_key, each.partition) for each in log_of(instance, run)}
    for key, days, step_key in _planned(instance, run):
        for day in (*days, None):
            if (key, day) not in written:
                at = now()
                event = DagsterEvent(
                    event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION.value,
                    job_name=run.job_name,
                    step_key=step_key,
                    message=message,
                    event_specific_data=evaluation(SyncLogEntry(Status.FAILED, at, at, description=message), key, day),
                )
                instance.report_dagster_event(event, run_id=run.run_id)


def has_planned(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Return whether the run had planned an entry of a sync log."""
    return any(True for _ in _planned(instance, run))


def log_of(instance: DagsterInstance, run: DagsterRun) -> list[dg.AssetCheckEvaluation]:
    """Return the sync log entries that the run has written, those of its days included."""
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
