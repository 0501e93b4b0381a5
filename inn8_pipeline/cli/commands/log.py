"""`inn8 log`: the sync log, as Dagster's storage keeps it."""

from datetime import UTC, date
from itertools import islice
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.instance.home import read_storage_url
from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import DAY, ENTITY, json_option, tenant_ids_of, tenant_option, tenants_of
from inn8_pipeline.cli.support.output import console, log_table, print_json, print_messages, silence
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inn8_pipeline.cli.instance.history import LoggedSync

STATUSES = [status.value for status in Status]
EPILOG = examples(
    "inn8 log                                  the last 20 syncs",
    "inn8 log --entity clients --status Failed",
    "inn8 log --day 2026-03-31 --json",
)


@click.command(name="log", epilog=EPILOG)
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only this status.")
@click.option("--day", type=DAY, help="Only syncs that began on this day (UTC).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, at most.")
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
    """Show the sync log, newest first: one line per run and entity, then the messages of those that have one."""
    silence()
    environment = Environment()
    tenant_ids_of(environment, tenant_id)
    read_storage_url(environment)
    wanted = [entity] if entity else list(ENTITIES)
    with dagster_modules.instance.open_instance(environment) as instance, dagster_modules.instance.storage_guarded():
        syncs = dagster_modules.history.read_log(instance, tenants_of(environment, tenant_id), wanted)
        found = list(islice(_matching(syncs, status, day), limit))
    if as_json:
        print_json([sync.as_json() for sync in found])
    elif found:
        console().print(log_table(found))
        print_messages(found, on_stderr=False)
    else:
        click.echo("No sync is logged that matches.")


def _matching(syncs: "Iterable[LoggedSync]", status: str | None, day: date | None) -> "Iterator[LoggedSync]":
    for sync in syncs:
        entry = sync.entry
        began_on = entry.started_at.astimezone(UTC).date() if entry.started_at else None
        if (status is None or entry.status == status) and (day is None or began_on == day):
            yield sync
