"""`inn8 backfill`: load a range of days of trade again, in runs of at most 31 days."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import (
    ENTITY_WITH_DAYS,
    json_option,
    tenant_id_of,
    tenant_of,
    tenant_option,
    verbose_option,
    window_of,
)
from inn8_pipeline.cli.support.output import silence
from inn8_pipeline.cli.support.times import DAY
from inn8_pipeline.entities import Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inn8_pipeline.cli.instance.runs import PlannedRun
    from inn8_pipeline.cli.support import sync_runs
else:
    sync_runs = lazy_module("inn8_pipeline.cli.support.sync_runs")

EPILOG = examples(
    "inn8 backfill transactions --from 2026-03-01 --to 2026-03-31",
    "inn8 backfill transactions --from 2025-01-01            from that day to today",
    notes="Exit codes: 0 Success or NoData, 1 Failed, 3 PartialSuccess; of several runs, the worst status counts.",
)


@click.command(name="backfill", epilog=EPILOG)
@click.argument("entity", type=ENTITY_WITH_DAYS)
@click.option("--from", "from_date", type=DAY, required=True, help="First day of trade.")
@click.option("--to", "to_date", type=DAY, help="Last day of trade. Default: today.")
@tenant_option
@json_option
@verbose_option
def command(
    entity: Entity,
    from_date: date,
    to_date: date | None,
    tenant_id: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Load days of trade again, newest first, in runs of at most 31 days, with a progress display.

    Entities without days of trade are not listed: `inn8 sync` loads all of their records. Newer data is never
    overwritten, and scheduled syncs continue meanwhile. If the backfill stops early, also by Ctrl-C, its last message
    is the command that loads the remaining days.
    """
    environment = Environment()
    settings = sync_runs.read_settings(environment, [tenant_id_of(environment, tenant_id)])
    window = window_of(settings, from_date, to_date)
    assert window is not None  # noqa: S101 (--from is required)
    if not verbose:
        silence()
    runs = dagster_modules.runs.plan(tenant_of(environment, tenant_id), [entity], window)
    planned = [replace(run, is_backfill=True) for run in runs]
    click.echo(f"{entity} {window}: {_counted(planned)}.", err=True)
    sync_runs.report(environment, planned, sync_runs.run_all(environment, planned, verbose=verbose), as_json=as_json)


def _counted(planned: "Sequence[PlannedRun]") -> str:
    days, runs = sum(run.weight for run in planned), len(planned)
    return f"{days} {'day' if days == 1 else 'days'} in {runs} {'run' if runs == 1 else 'runs'}"
