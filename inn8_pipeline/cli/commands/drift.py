"""`inn8 drift`: list properties that have no column, and values that the contract does not list."""

import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import EXIT_PARTIAL, Failed, examples
from inn8_pipeline.cli.support.options import (
    ENTITY,
    exit_code_option,
    json_option,
    tenant_id_of,
    tenant_ids_of,
    tenant_option,
)
from inn8_pipeline.cli.support.output import console, print_json
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.tables import rows_table
from inn8_pipeline.entities import ENTITIES, Entity, Kind, Property
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_contract, read_database
from inn8_pipeline.transform.values import empty_date, is_unlisted

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.merge import drift
    from inn8_pipeline.warehouse.queries import property_values
else:
    drift = lazy_module("inn8_pipeline.warehouse.merge.drift")
    property_values = lazy_module("inn8_pipeline.warehouse.queries.property_values")

COLUMNS = ("entity", "name", "first_seen_at", "last_seen_at", "accepted_at", "accepted_note")


@click.group(
    name="drift",
    epilog=examples(
        "inn8 drift list",
        'inn8 drift accept clients loyaltyTier --note "marketing\'s, not wanted"',
        "inn8 drift values clients",
    ),
)
def command() -> None:
    """List properties and values that INN8 sends but that the contract does not list.

    `list` and `accept` are for properties; only their names are shown. `values` shows unlisted values of enumerations.
    """


@command.command("list", epilog=examples("inn8 drift list --entity clients --json"))
@click.option("--entity", type=ENTITY, help="Only this entity.")
@tenant_option
@json_option
@exit_code_option
def list_properties(entity: Entity | None, tenant_id: str | None, as_json: bool, sets_exit_code: bool) -> None:
    """List the unknown properties that INN8 still sends, and since when.

    With --exit-code, the exit code is 3 if a property is listed that nobody has accepted.
    """
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
        screen = console()
        columns = (*(["tenant_id"] if len(tenant_ids) > 1 else []), *COLUMNS)
        screen.print(rows_table(found, columns, width=screen.width, expendable=("last_seen_at", "accepted_at")))
    else:
        click.echo("INN8 sends no unknown properties.")
    sys.exit(EXIT_PARTIAL if sets_exit_code and any(each["accepted_at"] is None for each in found) else 0)


@command.command("values", epilog=examples("inn8 drift values clients"))
@click.argument("entity", type=ENTITY)
@tenant_option
@json_option
def list_values(entity: Entity, tenant_id: str | None, as_json: bool) -> None:
    """List the unlisted statuses and types, and the empty dates, of the newest landings, with their record counts.

    The values may be personal data, such as a name sent as a status. Dagster shows only those that cannot be.
    """
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    as_sent = read_contract(environment, tenant).of(entity).as_sent(entity)
    with reading(environment, "reading unlisted values") as connection:
        found = [
            {"property": name, "value": value, "records": records}
            for source in as_sent.properties
            if source.kind in {Kind.CHOICE, Kind.DATE}
            for name in source.names
            for value, records in _unlisted(
                property_values.property_values(connection, tenant, entity, name), source
            ).items()
        ]
    if as_json:
        print_json(found)
    elif found:
        console().print(rows_table(found, ("property", "value", "records")))
    else:
        click.echo(f"INN8 sends no unlisted values of {entity}.")


def _unlisted(texts: Mapping[str, int], source: Property) -> Counter[str]:
    """Return the unlisted values among the texts with their record counts; date-times are cut to their dates."""
    found: Counter[str] = Counter()
    for text, records in texts.items():
        if is_unlisted(text, source):
            found[(empty_date(text, source.notation) if source.kind is Kind.DATE else None) or text] += records
    return found


@command.command(epilog=examples('inn8 drift accept clients loyaltyTier --note "marketing\'s, not wanted"'))
@click.argument("entity", type=ENTITY)
@click.argument("name")
@click.option("--note", required=True, help="Why the property needs no column.")
@tenant_option
def accept(entity: Entity, name: str, note: str, tenant_id: str | None) -> None:
    """Accept that a property has no column: the check `drift` no longer reports it."""
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    engine = read_database(environment).engine()
    if not drift.accept(engine, tenant, entity, name, note):
        raise Failed(
            f"INN8 has never sent a property {name!r} of {entity}: nothing was changed. `inn8 drift list` shows the "
            "unknown properties."
        )
    click.echo(f"{name} of {entity} is accepted: the check `drift` no longer reports it.")
