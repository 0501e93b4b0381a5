"""`inn8 contract`: how INN8's API is read."""

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import tenant_id_of, tenant_option
from inn8_pipeline.contract.writing import toml
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.settings import Environment, read_contract


@click.group(name="contract", epilog=examples("inn8 contract show > contract.toml"))
def command() -> None:
    """Show how INN8's API is read: paths, paging, totals, windows, names of properties, values of choices."""


@command.command(epilog=examples("inn8 contract show", "inn8 contract show --tenant cape"))
@tenant_option
def show(tenant_id: str | None) -> None:
    """Print the contract in force as TOML: the built-in one, with what INN8_CONTRACT_FILE changes.

    The output is itself a contract file. It has no secret.
    """
    environment = Environment()
    contract = read_contract(environment, tenant_id_of(environment, tenant_id))
    click.echo(toml(contract, {entity.name: entity for entity in ENTITIES}), nl=False)
