"""`inn8 drift`: the properties that INN8 sends and no column is made from."""

from dataclasses import asdict

import click

from inn8_pipeline.cli.support.group import Failed
from inn8_pipeline.cli.support.options import ENTITY, json_option, tenant_of, tenant_option
from inn8_pipeline.cli.support.screen import console, print_json, rows_table
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import Environment, read_database_url

COLUMNS = ("entity", "name", "first_seen_at", "last_seen_at", "accepted_at", "accepted_note")


@click.group(name="drift")
def command() -> None:
    r"""Properties that INN8 sends and the contract does not list: by name, never a value. The landings keep them all.

    \b
    Examples
      inn8 drift list
      inn8 drift accept clients loyaltyTier --note "marketing's, not wanted"
    """


@command.command("list")
@click.option("--entity", type=ENTITY, help="Only this entity's.")
@tenant_option
@json_option
def list_properties(entity: Entity | None, tenant_id: str | None, as_json: bool) -> None:
    r"""The unknown properties that INN8 still sends, with the first day of each.

    \b
    Example
      inn8 drift list --entity clients --json
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    from inn8_pipeline.cli.support.queries import reading
    from inn8_pipeline.warehouse.merge.drift import still_sent

    with reading(environment, "reading unknown properties") as connection:
        found = [
            asdict(each)
            for wanted in ([entity] if entity else ENTITIES)
            for each in still_sent(connection, tenant.tenant_id, wanted)
        ]
    if as_json:
        print_json(found)
    elif found:
        console().print(rows_table(found, COLUMNS))
    else:
        click.echo("INN8 sends nothing that the contract does not list.")


@command.command()
@click.argument("entity", type=ENTITY)
@click.argument("name")
@click.option("--note", required=True, help="Why no column is wanted of it.")
@tenant_option
def accept(entity: Entity, name: str, note: str, tenant_id: str | None) -> None:
    r"""Say that no column is wanted of a property: the check `drift` no longer tells of it.

    \b
    Example
      inn8 drift accept clients loyaltyTier --note "marketing's, not wanted"
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    from inn8_pipeline.warehouse.database import connect
    from inn8_pipeline.warehouse.merge import drift

    engine = connect(read_database_url(environment))
    if not drift.accept(engine, tenant.tenant_id, entity, name, note):
        raise Failed(f"No property {name!r} of {entity} was ever seen: nothing was done. `inn8 drift list` names them.")
    click.echo(f"{name} of {entity} is accepted: the check `drift` no longer tells of it.")
