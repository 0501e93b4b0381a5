"""The weekly maintenance: what nobody needs any more goes, in the warehouse and in Dagster's own storage.

Here belongs which of Dagster's runs and evaluations may go. What may go in the warehouse is `warehouse.retention`'s.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.settings import Environment, now, read_retention, read_tenant_ids

JOB = "inn8_maintenance"
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


def job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    """Its parts, each on its own feet."""

    @dg.job(
        name=JOB,
        executor_def=executor,
        description=(
            "Drops landings, pages and resolved rejects past their retention, the events of old runs, and old "
            "evaluations of the checks beside the sync log. What a table or a day was made from last stays, and so "
            "does the sync log."
        ),
    )
    def maintain() -> None:
        prune_warehouse()
        prune_runs()
        prune_checks()

    return maintain


def schedule() -> dg.ScheduleDefinition:
    """On Sundays, after the weekly sweep of the night before."""
    return dg.ScheduleDefinition(
        name="weekly_maintenance",
        job_name=JOB,
        cron_schedule="0 5 * * 0",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Drops what is past its retention (INN8_KEEP_LANDINGS_DAYS, …_REJECTS_DAYS, …_RUNS_DAYS).",
    )


@dg.op(out=dg.Out(dg.Nothing), description="Drops landings, pages and resolved rejects past their retention.")
def prune_warehouse(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Prune each tenant's part of the warehouse; the counts of all are the output's metadata."""
    from inn8_pipeline.warehouse.landing.retention import prune

    environment = Environment()
    keep = read_retention(environment)
    pruned = [
        prune(warehouse.engine(), tenant_id, keep.landing_days, keep.reject_days)
        for tenant_id in read_tenant_ids(environment)
    ]
    counts: dict[str, Any] = {
        "landings": sum(each.landings for each in pruned),
        "broken_landings": sum(each.broken_landings for each in pruned),
        "pages": sum(each.pages for each in pruned),
        "resolved_rejects": sum(each.rejects for each in pruned),
        "are_pages_held": any(each.are_pages_held for each in pruned),
    }
    context.log.info("Dropped: %s.", ", ".join(f"{name} {count}" for name, count in counts.items()))
    context.add_output_metadata(counts)


@dg.op(out=dg.Out(dg.Nothing), description="Drops the events of old runs that made no newest materialization.")
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Delete old runs; one that made the newest version of an asset or of a day stays, or the UI would miss it."""
    before = now() - timedelta(days=read_retention(Environment()).run_days)
    newest = _newest(context.instance)
    dropped = kept = 0
    for run_id in _old(context.instance, before):
        if _made(context.instance, run_id) & newest:
            kept += 1
        else:
            context.instance.delete_run(run_id)
            dropped += 1
    context.log.info("Dropped %d runs from before %s; %d made what is newest, and stay.", dropped, before.date(), kept)
    context.add_output_metadata({"runs": dropped, "runs_kept": kept})


@dg.op(out=dg.Out(dg.Nothing), description="Drops old evaluations of all checks but the sync log.")
def prune_checks(context: dg.OpExecutionContext) -> None:
    """Delete what the checks beside the sync log said long ago; the newest word of each stays, and so does the log."""
    before = now() - timedelta(days=read_retention(Environment()).run_days)
    dropped = _drop_evaluations(context.instance, before)
    context.log.info("Dropped %d evaluations of checks from before %s.", dropped, before.date())
    context.add_output_metadata({"evaluations": dropped})


def _drop_evaluations(instance: dg.DagsterInstance, before: datetime) -> int:
    """Dagster has no way of its own to forget them: some 1,700 rows a day, that nobody reads after a month."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Kept
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
    from sqlalchemy import delete, func, select

    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    newest = select(func.max(Kept.c.id)).group_by(Kept.c.asset_key, Kept.c.check_name)
    # The column has no zone; what stands there is UTC.
    old = Kept.c.create_timestamp < before.astimezone(UTC).replace(tzinfo=None)
    with storage.index_connection() as connection:
        return connection.execute(
            delete(Kept).where(Kept.c.check_name != names.SYNC_LOG, old, Kept.c.id.not_in(newest))
        ).rowcount


def _old(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """The ids of ended runs that were created before then, oldest first."""
    wanted = dg.RunsFilter(statuses=_ENDED, created_before=before)
    return [record.dagster_run.run_id for record in instance.get_run_records(wanted, ascending=True)]


def _newest(instance: dg.DagsterInstance) -> set[int]:
    """The storage ids of the newest materialization of every asset, and of every day of it."""
    found: set[int] = set()
    for key in instance.all_asset_keys():
        found.update(instance.event_log_storage.get_latest_storage_id_by_partition(key, _MADE).values())
        found.update(each.storage_id for each in instance.fetch_materializations(key, limit=1).records)
    return found


def _made(instance: dg.DagsterInstance, run_id: str) -> set[int]:
    return {record.storage_id for record in instance.get_records_for_run(run_id, of_type=_MADE).records}
