"""`inn8 resume`: end a pause of `inn8 pause`."""

import click

from inn8_pipeline.cli.commands.pause import copy_pauses
from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import ENTITY, tenant_id_of, tenant_option
from inn8_pipeline.cli.support.output import print_text, silence
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment


@click.command(name="resume", epilog=examples("inn8 resume transactions"))
@click.argument("entity", type=ENTITY)
@tenant_option
def command(entity: Entity, tenant_id: str | None) -> None:
    """Sync an entity on schedule again.

    The next tick syncs it, with the days of trade since the pause began, at most 31; the sweeps sync earlier ones.
    """
    silence()
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    with dagster_modules.instance.guarded_instance(environment) as instance:
        ended = dagster_modules.pauses.resume(instance, tenant, entity)
        copy_pauses(environment, instance, tenant)
    if ended is None:
        click.echo(f"{entity} was not paused: nothing was changed.")
    else:
        print_text(f"{entity} was {ended.text(None)}. The next tick syncs it, or `inn8 sync {entity}` does so now.")
