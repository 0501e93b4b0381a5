"""`inn8 pause`: let no tick and no sweep sync an entity until `inn8 resume`."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import (
    ENTITY,
    by_option,
    json_option,
    tenant_argument,
    tenant_id_of,
    tenant_ids_of,
    tenant_option,
)
from inn8_pipeline.cli.support.output import print_json, print_text, silence
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment, read_database

if TYPE_CHECKING:
    from dagster import DagsterInstance

EPILOG = examples(
    'inn8 pause transactions --reason "INN8 moves its data"',
    "inn8 pause                                            what is paused, since when, by whom",
    "inn8 resume transactions",
)


@click.command(name="pause", epilog=EPILOG)
@click.argument("entity", type=ENTITY, required=False)
@click.option("--reason", help="Why, for others who look.")
@by_option
@tenant_option
@json_option
def command(entity: Entity | None, reason: str | None, by: str, tenant_id: str | None, as_json: bool) -> None:
    """Pause the scheduled syncs of an entity, or show what is paused.

    The other entities go on. Nothing is called late meanwhile, and the heartbeat is called without the paused entity.
    A run that is in progress ends as usual, and `inn8 sync` still syncs the entity.
    """
    if (entity is None) != (reason is None):
        raise click.UsageError("Give both an entity and --reason; or neither, to see what is paused.")
    silence()
    environment = Environment()
    with dagster_modules.instance.guarded_instance(environment) as instance:
        if entity is not None:
            tenant = tenant_id_of(environment, tenant_id)
            before = dagster_modules.pauses.lasting(instance, tenant).get(entity.name)
            dagster_modules.pauses.pause(instance, tenant, entity, by, reason or "")
            if before is not None:
                print_text(f"{entity} was paused already: its pause stays as it was, with its reason.", on_stderr=True)
            copy_pauses(environment, instance, tenant)
        _show(environment, instance, tenant_ids_of(environment, tenant_id), as_json=as_json)


def copy_pauses(environment: Environment, instance: "DagsterInstance", tenant_id: str) -> None:
    """Let readers in SQL see the pauses, or say on standard error that they do not yet."""
    warn = partial(print_text, on_stderr=True)
    dagster_modules.pauses.copy_or_warn(instance, lambda: read_database(environment).engine(), tenant_id, warn)


def _show(environment: Environment, instance: "DagsterInstance", tenant_ids: tuple[str, ...], *, as_json: bool) -> None:
    found = [
        (tenant_id, name, pause)
        for tenant_id in tenant_ids
        for name, pause in dagster_modules.pauses.lasting(instance, tenant_id).items()
    ]
    if as_json:
        print_json([{"tenant_id": tenant_id, "entity": name, **asdict(pause)} for tenant_id, name, pause in found])
    elif not found:
        click.echo("Nothing is paused.")
    else:
        for tenant_id, name, pause in found:
            tenant = tenant_argument(environment, tenant_id)
            print_text(f"{name}: {pause.text(None)}. `inn8 resume {name}{tenant}` ends it.", indent=2)
