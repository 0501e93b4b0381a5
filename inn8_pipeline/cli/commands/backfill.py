"""`inn8 backfill transactions`: a range of days of trade loaded again, piece by piece."""

from datetime import date

import click

from inn8_pipeline.cli.commands.sync import read_settings, report, run_steps
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.instance import open_instance, silence
from inn8_pipeline.cli.support.options import (
    DAY,
    ENTITY_WITH_DAYS,
    json_option,
    tenant_of,
    tenant_option,
    verbose_option,
    window_of,
)
from inn8_pipeline.cli.support.runs import execute, load_definitions, plan
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment

EPILOG = examples(
    "inn8 backfill transactions --from 2026-03-01 --to 2026-03-31",
    "inn8 backfill transactions --from 2025-01-01            up to today",
    notes="Exit codes: 0 Success or NoData, 1 Failed, 3 PartialSuccess; the worst of them counts.",
)


@click.command(name="backfill", epilog=EPILOG)
@click.argument("entity", type=ENTITY_WITH_DAYS)
@click.option("--from", "from_date", type=DAY, required=True, help="First day of trade.")
@click.option("--to", "to_date", type=DAY, help="Last day of trade; today where it is not given.")
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
    """Load days of trade again, newest first, at most 31 of them a run; with a progress bar and the time left.

    Clients and portfolios have no days: `inn8 sync clients` loads all of them. Nothing newer is overwritten by it, and
    the schedule goes on meanwhile. Where it breaks off, the message names the command that goes on.
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    window = window_of(read_settings(environment, [tenant]), from_date, to_date)
    assert window is not None  # noqa: S101 (--from is required)
    if not verbose:
        silence()
    steps = plan(tenant, [entity], window)
    click.echo(f"{entity} {window}: {sum(step.weight for step in steps)} days in {len(steps)} runs.", err=True)
    with open_instance(environment) as instance:
        definitions = load_definitions()
        found = run_steps(steps, lambda step: execute(definitions, instance, step, verbose=verbose))
    report(found, as_json=as_json)
