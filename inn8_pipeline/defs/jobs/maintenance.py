"""The weekly maintenance: deletes what is past its retention, in the warehouse and in Dagster's own storage.

It also writes the report.

`instance.storage_pruning` deletes Dagster's runs and check evaluations; `warehouse.landing.retention` deletes landings,
pages and rejects, and `warehouse.history.pruning` past versions of rows.
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.jobs.forms import EMPTY_FORM
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.defs.runs.progress import StepProgress
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now, read_retention, read_tenant_ids

if TYPE_CHECKING:
    from inn8_pipeline.defs.instance import storage_pruning
    from inn8_pipeline.defs.sync_log import copy_from_dagster
    from inn8_pipeline.report import page
    from inn8_pipeline.warehouse import database
    from inn8_pipeline.warehouse.history import pruning
    from inn8_pipeline.warehouse.landing import retention
else:
    storage_pruning = lazy_module("inn8_pipeline.defs.instance.storage_pruning")
    copy_from_dagster = lazy_module("inn8_pipeline.defs.sync_log.copy_from_dagster")
    pruning = lazy_module("inn8_pipeline.warehouse.history.pruning")
    retention = lazy_module("inn8_pipeline.warehouse.landing.retention")
    database = lazy_module("inn8_pipeline.warehouse.database")
    page = lazy_module("inn8_pipeline.report.page")

JOB = "inn8_maintenance"
REPORTED_DAYS = 30


def job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    """Return the maintenance job. Its ops are independent, so that one that fails does not stop the others."""

    @dg.job(
        name=JOB,
        executor_def=executor,
        description=(
            "Deletes landings, pages, resolved rejects and past versions of rows past their retention, old runs with "
            "their events, and old evaluations of checks. It keeps the sync log's entries of whole runs, and what each "
            "table and each day was last merged from. Writes the report, to which each table's page links. Runs every "
            "Sunday; launch it yourself to free space earlier."
        ),
    )
    def maintain() -> None:
        prune_warehouse()
        prune_runs()
        copy_sync_log()
        prune_checks()
        write_report()

    return maintain


def schedule() -> dg.ScheduleDefinition:
    """Return the schedule of the job: every Sunday, the day after the weekly sweep."""
    return dg.ScheduleDefinition(
        name="weekly_maintenance",
        job_name=JOB,
        cron_schedule="0 5 * * 0",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            "Deletes what is past its retention (INN8_KEEP_LANDINGS_DAYS, INN8_KEEP_REJECTS_DAYS, "
            "INN8_KEEP_RUNS_DAYS, INN8_KEEP_HISTORY_DAYS). Turn it off only during an investigation, because the "
            "databases grow meanwhile."
        ),
    )


@dg.op(
    config_schema=EMPTY_FORM,
    out=dg.Out(dg.Nothing),
    description="Deletes landings, pages, resolved rejects and past versions.",
)
def prune_warehouse(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Prune the warehouse for each tenant; the output's metadata has the sums for all tenants."""
    environment = Environment()
    keep, tenant_ids = read_retention(environment), read_tenant_ids(environment)
    history_days = keep.history_days
    on_step = _steps(context, len(tenant_ids) * (retention.STEPS + bool(history_days)))
    pruned = [
        retention.prune(warehouse.engine(), tenant_id, keep.landing_days, keep.reject_days, on_step)
        for tenant_id in tenant_ids
    ]
    versions = 0
    if history_days:
        for tenant_id in tenant_ids:
            versions += pruning.prune(warehouse.engine(), tenant_id, history_days)
            on_step()
    counts: dict[str, Any] = {
        "landings": sum(each.landings for each in pruned),
        "broken_landings": sum(each.broken_landings for each in pruned),
        "pages": sum(each.pages for each in pruned),
        "resolved_rejects": sum(each.rejects for each in pruned),
        "past_versions": versions,
        "are_pages_held": any(each.are_pages_held for each in pruned),
    }
    context.log.info("Deleted: %s.", ", ".join(f"{name} {count}" for name, count in counts.items()))
    context.add_output_metadata(counts)


def _steps(context: dg.OpExecutionContext, total: int) -> Callable[[], None]:
    """Return what is called after each of so many steps, to say in the run's log how far they have come."""
    progress, numbers = StepProgress("deleting", context.log.info, "steps"), count(1)
    return lambda: progress(next(numbers), total)


@dg.op(
    config_schema=EMPTY_FORM,
    out=dg.Out(dg.Nothing),
    description="Deletes old runs, except those with the newest materialization of an asset or of a day.",
)
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Delete old runs; keep those with the newest materialization of an asset or of a day, which the UI needs."""
    before = now() - timedelta(days=read_retention(Environment()).run_days)
    progress = StepProgress("examining old runs", context.log.info, "runs")
    deleted, kept = storage_pruning.delete_runs(context.instance, before, progress)
    context.log.info(
        "Deleted %d runs from before %s; kept %d that have a newest materialization.", deleted, before.date(), kept
    )
    context.add_output_metadata({"runs": deleted, "runs_kept": kept})


@dg.op(
    config_schema=EMPTY_FORM,
    out=dg.Out(dg.Nothing),
    description="Adds to inn8.sync_log what only Dagster's storage has of the sync log.",
)
def copy_sync_log(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Copy entries of earlier releases, and of runs that ended while the warehouse was away."""
    tenants = names.tenants(read_tenant_ids(Environment()))
    progress = StepProgress("copying the sync log", context.log.info, "tables")
    added = copy_from_dagster.copy(context.instance, warehouse.engine(), tenants, progress)
    context.log.info("Added %d entries to inn8.sync_log.", added)
    context.add_output_metadata({"entries": added})


@dg.op(
    config_schema=EMPTY_FORM,
    out=dg.Out(dg.Nothing),
    description="Deletes old evaluations of checks: of the sync log those of single days, of the others all.",
)
def prune_checks(context: dg.OpExecutionContext) -> None:
    """Delete old evaluations of checks; keep the newest of each, and the sync log's entries of whole runs."""
    before = now() - timedelta(days=read_retention(Environment()).run_days)
    progress = StepProgress("deleting evaluations", context.log.info, "assets")
    deleted = storage_pruning.delete_evaluations(context.instance, before, progress)
    context.log.info("Deleted %d evaluations of checks from before %s.", deleted, before.date())
    context.add_output_metadata({"evaluations": deleted})


@dg.op(
    config_schema=EMPTY_FORM,
    out=dg.Out(dg.Nothing),
    description="Writes the report of the last 30 days, as `inn8 report` does.",
)
def write_report(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Write the report into the folder of the instance's storage; an observation of each table has its path."""
    tenants = names.tenants(read_tenant_ids(Environment()))
    with database.snapshot(warehouse.engine(), "reading what syncs did") as connection:
        text = page.page_of(connection, [tenant.tenant_id for tenant in tenants], now(), REPORTED_DAYS)
    file = Path(context.instance.storage_directory()) / page.FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    link = {"report": dg.MetadataValue.path(file)}
    for key in (tenant.key(entity) for tenant in tenants for entity in ENTITIES):
        context.log_event(dg.AssetObservation(key, description="The report of the last 30 days.", metadata=link))
    context.add_output_metadata(link)
