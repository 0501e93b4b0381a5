"""`inn8 db`: the warehouse's schema, and who may read and write it."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import json_option, tenant_of, tenant_option, tenants_of
from inn8_pipeline.cli.support.output import print_json
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, read_owner_database

if TYPE_CHECKING:
    from sqlalchemy import Engine


@click.group(name="db")
def command() -> None:
    """Manage the warehouse's schema, its readers and writers (INN8_OWNER_DATABASE_URL, or INN8_DATABASE_URL)."""


@command.command(epilog=examples("inn8 db upgrade"))
def upgrade() -> None:
    """Bring the warehouse to this release's schema version; all of it or nothing. Harmless to repeat."""
    from inn8_pipeline.warehouse.database import guarded
    from inn8_pipeline.warehouse.schema.migrations import found_version
    from inn8_pipeline.warehouse.schema.migrations import upgrade as bring_up

    engine = read_owner_database(Environment()).engine()
    with guarded("upgrading the schema"):
        with engine.begin() as connection:
            before = found_version(connection)
        after = bring_up(engine)
    was = f"was {before}" if before else "was empty"
    click.echo(f"The warehouse has schema version {after} ({was}).")
    if before not in {"", after}:
        _copy_sync_log(engine)


def _copy_sync_log(engine: "Engine") -> None:
    """Copy the sync log of earlier releases, which is in Dagster's storage alone."""
    environment = Environment()
    try:
        with (
            dagster_modules.instance.open_instance(environment) as instance,
            dagster_modules.instance.storage_guarded(),
        ):
            added = dagster_modules.former_log.copy(instance, engine, tenants_of(environment, None))
    except Inn8Error as error:
        click.echo(
            f"The sync log of earlier releases was not copied to inn8.sync_log: {error} The job inn8_maintenance "
            "copies it on Sunday, or when it is launched.",
            err=True,
        )
    else:
        click.echo(f"Copied {added} entries of the sync log from Dagster's storage to inn8.sync_log.")


@command.command(epilog=examples("inn8 db dictionary > docs/dictionary.md"))
def dictionary() -> None:
    """Print what every table and column means, as Markdown. Needs no database."""
    from inn8_pipeline.cli.support import data_dictionary

    click.echo(data_dictionary.dictionary(), nl=False)


@command.command(
    "grant-reader", epilog=examples("inn8 db grant-reader anne", "inn8 db grant-reader anne --tenant cape")
)
@click.argument("login")
@tenant_option
def grant_reader(login: str, tenant_id: str | None) -> None:
    """Let LOGIN, which must exist, read one tenant's rows through the views of inn8 and inn8_raw, and nothing else."""
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    from inn8_pipeline.warehouse.schema import access

    access.grant_reader(_engine(environment), login, tenant.tenant_id)
    click.echo(f"{login} reads the rows of tenant {tenant.tenant_id} through the views.")


@command.command(
    "revoke-reader", epilog=examples("inn8 db revoke-reader anne --tenant cape", "inn8 db revoke-reader anne")
)
@click.argument("login")
@click.option("--tenant", help="Only this tenant; by default all, and the login is no reader any more.")
def revoke_reader(login: str, tenant: str | None) -> None:
    """Take from LOGIN what `grant-reader` gave it. Queries that are running already are not ended."""
    from inn8_pipeline.warehouse.schema import access

    taken, wider = access.revoke_reader(_engine(Environment()), login, tenant)
    click.echo(f"{login} is no longer a reader of {taken} tenant{'' if taken == 1 else 's'}.")
    if wider:
        way_out = f": `inn8 db revoke-writer {login}` takes that away" if wider == "writer" else ""
        click.echo(f"It still sees every tenant's rows, as {wider}{way_out}.", err=True)


@command.command("grant-writer", epilog=examples("inn8 db grant-writer inn8_sync"))
@click.argument("login")
def grant_writer(login: str) -> None:
    """Let LOGIN, which must exist, run the pipeline: it is the one for INN8_DATABASE_URL. It cannot alter or drop."""
    from inn8_pipeline.warehouse.schema import access

    access.grant_writer(_engine(Environment()), login)
    click.echo(f"{login} may run the pipeline.")


@command.command("revoke-writer", epilog=examples("inn8 db revoke-writer inn8_sync"))
@click.argument("login")
def revoke_writer(login: str) -> None:
    """Take from LOGIN what `grant-writer` gave it. Syncs that are running already are not ended."""
    from inn8_pipeline.warehouse.schema import access

    access.revoke_writer(_engine(Environment()), login)
    click.echo(f"{login} may no longer run the pipeline.")


@command.command("heal-clock", epilog=examples("inn8 db heal-clock", "inn8 db heal-clock --tenant cape"))
@tenant_option
def heal_clock(tenant_id: str | None) -> None:
    """Move times that are in the future into the past, after the database's clock was ahead.

    Correct the clock first (`select now()`). The order of fetches is kept, and no row or value is lost. Harmless to
    repeat.
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    from inn8_pipeline.warehouse.landing import clock

    healed = clock.heal(_engine(environment), tenant.tenant_id)
    if healed.is_nothing:
        click.echo("No time is in the future: nothing was changed.")
    else:
        click.echo(f"{healed.landings} landings began in the future; {healed.instants} times were moved into the past.")


@command.command(epilog=examples("inn8 db grants", "inn8 db grants --json"))
@json_option
def grants(as_json: bool) -> None:
    """List who may see which tenant's rows, and by which right."""
    from inn8_pipeline.warehouse.schema import access

    found = [asdict(each) for each in access.grants(_engine(Environment()))]
    if as_json:
        print_json(found)
        return
    for each in found:
        tenants = "all tenants" if each["tenants"] is None else ", ".join(each["tenants"]) or "no tenant"
        group = "" if each["can_login"] else ", a group"
        click.echo(f"{each['login']} ({each['right']}{group}): {tenants}")


def _engine(environment: Environment) -> "Engine":
    return read_owner_database(environment).engine()
