"""`inn8 drift`: the properties that INN8 sends and no column is made from."""

import click

from inn8_pipeline.cli.support.group import Failed, examples
from inn8_pipeline.cli.support.options import ENTITY, json_option, tenant_id_of, tenant_ids_of, tenant_option
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.screen import console, print_json, rows_table
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import Environment, read_database
from inn8_pipeline.warehouse.merge import drift

COLUMNS = ("entity", "name", "first_seen_at", "last_seen_at", "accepted_at", "accepted_note")


@click.group(
    name="drift",
    epilog=examples("inn8 drift list", 'inn8 drift accept clients loyaltyTier --note "marketing\'s, not wanted"'),
)
def command() -> None:
    """List or accept properties that INN8 sends and the contract does not list.

    Only their names are shown, never a value. The landings keep the values.
    """


@command.command("list", epilog=examples("inn8 drift list --entity clients --json"))
@click.option("--entity", type=ENTITY, help="Only this entity.")
@tenant_option
@json_option
def list_properties(entity: Entity | None, tenant_id: str | None, as_json: bool) -> None:
    """List the unknown properties that INN8 still sends, with the first day of each."""
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    with reading(environment, "reading unknown properties") as connection:
        found = [
            {"tenant_id": tenant, **{name: getattr(each, name) for name in COLUMNS}, "entity": each.entity.name}
            for tenant in tenant_ids
            for wanted in ([entity] if entity else ENTITIES)
            for each in drift.still_sent(connection, tenant, wanted)
        ]
    if as_json:
        print_json(found)
    elif found:
        console().print(rows_table(found, (*(["tenant_id"] if len(tenant_ids) > 1 else []), *COLUMNS)))
    else:
        click.echo("INN8 sends no property that the contract does not list.")


@command.command(epilog=examples('inn8 drift accept clients loyaltyTier --note "marketing\'s, not wanted"'))
@click.argument("entity", type=ENTITY)
@click.argument("name")
@click.option("--note", required=True, help="Why no column is made from it.")
@tenant_option
def accept(entity: Entity, name: str, note: str, tenant_id: str | None) -> None:
    """Accept that no column is made from a property: the check `drift` no longer reports it."""
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    engine = read_database(environment).engine()
    if not drift.accept(engine, tenant, entity, name, note):
        raise Failed(
            f"INN8 has never sent a property {name!r} of {entity}: nothing was done. `inn8 drift list` names those "
            "that it sends."
        )
    click.echo(f"{name} of {entity} is accepted: the check `drift` no longer reports it.")
