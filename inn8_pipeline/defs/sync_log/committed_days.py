"""Materializations of a run that ended after its merge was committed and before Dagster stored that it was.

The rows are in, and the sync log in the warehouse says so. Without the materializations Dagster would count the days as
not loaded, and the backfill that they belong to would end as failed.
"""

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun

from inn8_pipeline.defs.instance.internals import BACKFILL_ID_TAG, StepMaterializationData
from inn8_pipeline.defs.instance.late_internals import BulkActionStatus

_MESSAGE = "The merge was committed before the run ended."


def materialize(instance: DagsterInstance, run: DagsterRun, step_key: str | None, days: tuple[str, ...]) -> None:
    """Store the materializations that a step has planned and did not store: of each of the days, or one without days.

    A backfill that was already over as failed is examined once more by the daemon, so that it ends as its days did.
    """
    missing = list(_missing(instance, run, step_key, days))
    for key, day in missing:
        made = dg.AssetMaterialization(asset_key=key, partition=day, description=_MESSAGE)
        event = DagsterEvent(
            event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name=run.job_name,
            step_key=step_key,
            message=_MESSAGE,
            event_specific_data=StepMaterializationData(made, []),
        )
        instance.report_dagster_event(event, run_id=run.run_id)
    if missing:
        _reopen_backfill(instance, run)


def _missing(
    instance: DagsterInstance, run: DagsterRun, step_key: str | None, days: tuple[str, ...]
) -> Iterator[tuple[dg.AssetKey, str | None]]:
    planned = _events(instance, run, DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    keys = {each.asset_key for each in planned if each.step_key == step_key and each.asset_key}
    stored = {
        (each.asset_key, each.partition) for each in _events(instance, run, DagsterEventType.ASSET_MATERIALIZATION)
    }
    for key in sorted(keys):
        yield from ((key, day) for day in days or (None,) if (key, day) not in stored)


def _reopen_backfill(instance: DagsterInstance, run: DagsterRun) -> None:
    backfill_id = run.tags.get(BACKFILL_ID_TAG)
    backfill = instance.get_backfill(backfill_id) if backfill_id else None
    if backfill and backfill.status is BulkActionStatus.COMPLETED_FAILED:
        instance.update_backfill(backfill._replace(status=BulkActionStatus.REQUESTED))


def _events(instance: DagsterInstance, run: DagsterRun, kind: DagsterEventType) -> list[DagsterEvent]:
    records = instance.get_records_for_run(run.run_id, of_type=kind).records
    return [each.event_log_entry.dagster_event for each in records if each.event_log_entry.dagster_event]
