"""`inn8 log`: the sync log as Dagster's storage has it."""

from collections.abc import Iterator
from datetime import UTC, date
from itertools import islice

import click

from inn8_pipeline.cli.support.history import WORST_FIRST, LoggedSync, read_log
from inn8_pipeline.cli.support.instance import open_instance, silence, storage_guarded
from inn8_pipeline.cli.support.options import DAY, ENTITY, json_option, tenant_option, tenants_of
from inn8_pipeline.cli.support.screen import console, log_table, print_json, print_messages
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.merge.results import Status

STATUSES = [status.value for status in (*WORST_FIRST, Status.IN_PROGRESS)]
EPILOG = """
\b
Examples
  inn8 log                                  the last 20 syncs
  inn8 log --entity clients --status Failed
  inn8 log --day 2026-03-31 --json
"""


@click.command(name="log", epilog=EPILOG)
@click.option("--entity", type=ENTITY, help="Only this entity's.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only this status.")
@click.option("--day", type=DAY, help="Only those that began on this day (UTC).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many.")
@tenant_option
@json_option
def command(
    entity: Entity | None,
    status: str | None,
    day: date | None,
    limit: int,
    tenant_id: str | None,
    as_json: bool,
) -> None:
    """The sync log, newest first: a line per run and entity; the reasons of failures follow on standard error."""
    silence()
    wanted = [entity] if entity else list(ENTITIES)
    environment = Environment()
    tenants = tenants_of(environment, tenant_id)
    with open_instance(environment) as instance, storage_guarded():
        found = list(islice(_matching(read_log(instance, tenants, wanted), status, day), limit))
    if as_json:
        print_json([sync.as_json() for sync in found])
    elif found:
        console().print(log_table(found))
        print_messages(found)
    else:
        click.echo("No sync is logged that matches.")


def _matching(every: Iterator[LoggedSync], status: str | None, day: date | None) -> Iterator[LoggedSync]:
    for sync in every:
        entry = sync.entry
        began_on = entry.started_at.astimezone(UTC).date() if entry.started_at else None
        if (status is None or entry.status == status) and (day is None or began_on == day):
            yield sync
