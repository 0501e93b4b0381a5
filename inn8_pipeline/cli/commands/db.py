"""`inn8 db`: upgrade the warehouse's schema, and manage who may read and write it."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import json_option, tenant_of, tenant_option, tenants_of
from inn8_pipeline.cli.support.output import print_json, print_text
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_owner_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.cli.support import data_dictionary
    from inn8_pipeline.warehouse import database
    from inn8_pipeline.warehouse.landing import clock_skew
    from inn8_pipeline.warehouse.schema import access, contact_data, migrations
    from inn8_pipeline.warehouse.schema.migrations import roles
else:
    # They import SQLAlchemy, which the help of a command and a usage error do not need (0.2 instead of 0.8 s).
    access = lazy_module("inn8_pipeline.warehouse.schema.access")
    contact_data = lazy_module("inn8_pipeline.warehouse.schema.contact_data")
    clock_skew = lazy_module("inn8_pipeline.warehouse.landing.clock_skew")
    data_dictionary = lazy_module("inn8_pipeline.cli.support.data_dictionary")
    database = lazy_module("inn8_pipeline.warehouse.database")
    migrations = lazy_module("inn8_pipeline.warehouse.schema.migrations")
    roles = lazy_module("inn8_pipeline.warehouse.schema.migrations.roles")


@click.group(name="db")
def command() -> None:
    """Upgrade the warehouse's schema, and manage who may read and write it.

    The commands connect with INN8_OWNER_DATABASE_URL, or with INN8_DATABASE_URL if that is not set.
    """


@command.command(epilog=examples("inn8 db upgrade", "inn8 db upgrade --sql-for-admin"))
@click.option(
    "--sql-for-admin",
    is_flag=True,
    help="Change nothing: print the statements that an administrator runs once before this login can upgrade.",
)
@json_option
def upgrade(sql_for_admin: bool, as_json: bool) -> None:
    """Upgrade the warehouse to the schema version of this release, in one transaction. It is safe to repeat.

    The login needs to own the database and may create roles, or an administrator runs once what --sql-for-admin prints.
    """
    engine = read_owner_database(Environment()).engine()
    if sql_for_admin:
        _print_statements(engine, as_json=as_json)
        return
    with database.guarded("upgrading the schema"):
        with engine.begin() as connection:
            roles.ensure(connection)
            before = migrations.found_version(connection)
        after = migrations.upgrade(engine)
    was = f"was {before}" if before else "was empty"
    if as_json:
        print_json({"schema_version": after, "before": before or None})
    else:
        click.echo(f"The warehouse has schema version {after} ({was}).")
    if before not in {"", after}:
        _copy_sync_log(engine, on_stderr=as_json)


def _print_statements(engine: "Engine", *, as_json: bool) -> None:
    with database.transaction(engine, "looking at the rights of the login") as connection:
        statements = roles.statements_for_administrator(connection)
    if as_json:
        print_json(list(statements))
    elif statements:
        click.echo("\n".join(f"{each};" for each in statements))
    else:
        click.echo("-- Nothing is needed: this login can run `inn8 db upgrade`.")


def _copy_sync_log(engine: "Engine", *, on_stderr: bool) -> None:
    """Copy the sync log of earlier releases, which is in Dagster's storage alone."""
    environment = Environment()
    try:
        with (
            dagster_modules.instance.open_instance(environment) as instance,
            dagster_modules.instance.storage_guarded(),
        ):
            added = dagster_modules.copy_from_dagster.copy(instance, engine, tenants_of(environment, None))
    except Inn8Error as error:
        print_text(
            f"The sync log of earlier releases was not copied to inn8.sync_log: {error} The job inn8_maintenance "
            "copies it on Sunday, or when it is launched.",
            on_stderr=True,
        )
    else:
        print_text(
            f"Copied {added} entries of the sync log from Dagster's storage to inn8.sync_log.", on_stderr=on_stderr
        )


@command.command(epilog=examples("inn8 db dictionary > docs/dictionary.md"))
def dictionary() -> None:
    """Print the description of every table and column as Markdown. No database is needed."""
    click.echo(data_dictionary.dictionary(), nl=False)


@command.command(
    "grant-reader",
    epilog=examples(
        "inn8 db grant-reader anne",
        "inn8 db grant-reader anne --tenant cape",
        "inn8 db grant-reader ben --without-contact",
    ),
)
@click.argument("login")
@click.option(
    "--without-contact",
    is_flag=True,
    help="Names, mail addresses and other personal columns, and the records as sent, are null for the login.",
)
@tenant_option
def grant_reader(login: str, without_contact: bool, tenant_id: str | None) -> None:
    """Allow LOGIN to read one tenant's rows through the views of the schemas inn8 and inn8_raw, and nothing else.

    The login must exist. Run it again to change whether the login sees contact data.
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id).tenant_id
    had = access.grant_reader(_engine(environment), login, tenant, has_contact_data=not without_contact)
    without = " without contact data" if without_contact else ""
    print_text(f"{login} may read the rows of tenant {tenant} through the views{without}.")
    if without_contact:
        columns = ", ".join(contact_data.all_personal_columns())
        print_text(
            f"For it these are null: {columns}, the names of clients beside their portfolios, and the records as sent."
        )
    if had is not None and had == without_contact:
        change = "no longer sees" if without_contact else "sees from now on"
        print_text(f"It {change} contact data of this tenant, which it {'saw' if had else 'did not see'} before.")


@command.command(
    "revoke-reader", epilog=examples("inn8 db revoke-reader anne --tenant cape", "inn8 db revoke-reader anne")
)
@click.argument("login")
@click.option("--tenant", help="Revoke only this tenant. Default: all tenants.")
def revoke_reader(login: str, tenant: str | None) -> None:
    """Revoke the rights that `grant-reader` gave to LOGIN. Queries that are already running are not stopped."""
    taken, wider = access.revoke_reader(_engine(Environment()), login, tenant)
    if taken:
        click.echo(f"{login} is no longer a reader of {taken} tenant{'' if taken == 1 else 's'}.")
    else:
        click.echo(f"{login} was not a reader of {f'tenant {tenant}' if tenant else 'any tenant'}.")
    if wider:
        way_out = f": `inn8 db revoke-writer {login}` revokes that right" if wider == "writer" else ""
        print_text(f"It can still read every tenant's rows, as {wider}{way_out}.", on_stderr=True)


@command.command("grant-writer", epilog=examples("inn8 db grant-writer inn8_sync"))
@click.argument("login")
def grant_writer(login: str) -> None:
    """Allow LOGIN to run the pipeline: use it in INN8_DATABASE_URL. It cannot alter or drop tables.

    The login must exist.
    """
    access.grant_writer(_engine(Environment()), login)
    click.echo(f"{login} may run the pipeline.")


@command.command("revoke-writer", epilog=examples("inn8 db revoke-writer inn8_sync"))
@click.argument("login")
def revoke_writer(login: str) -> None:
    """Revoke the rights that `grant-writer` gave to LOGIN. Syncs that are already running are not stopped."""
    was_writer = access.revoke_writer(_engine(Environment()), login)
    click.echo(f"{login} {'may no longer' if was_writer else 'was not allowed to'} run the pipeline.")


@command.command("heal-clock", epilog=examples("inn8 db heal-clock", "inn8 db heal-clock --tenant cape"))
@tenant_option
@json_option
def heal_clock(tenant_id: str | None, as_json: bool) -> None:
    """Repair times that lie in the future, after the database's clock was ahead: move them into the past.

    Correct the clock first (check it with `select now()`). The order of the fetches is kept, and no row or value is
    lost. It is safe to repeat.
    """
    environment = Environment()
    tenant = tenant_of(environment, tenant_id)
    healed = clock_skew.heal(_engine(environment), tenant.tenant_id)
    if as_json:
        print_json(asdict(healed))
    elif healed.is_nothing:
        click.echo("No time is in the future: nothing was changed.")
    else:
        print_text(f"{healed.landings} landings began in the future; {healed.instants} times were moved into the past.")


@command.command(epilog=examples("inn8 db grants", "inn8 db grants --json"))
@json_option
def grants(as_json: bool) -> None:
    """List who may read which tenant's rows, with or without contact data, and which right allows it."""
    found = [asdict(each) for each in access.grants(_engine(Environment()))]
    if as_json:
        print_json(found)
        return
    for each in found:
        shown = [
            f"{tenant} without contact data" if tenant in each["without_contact"] else tenant
            for tenant in each["tenants"] or ()
        ]
        tenants = "all tenants" if each["tenants"] is None else ", ".join(shown) or "no tenant"
        group = "" if each["can_login"] else ", a group"
        click.echo(f"{each['login']} ({each['right']}{group}): {tenants}")


def _engine(environment: Environment) -> "Engine":
    return read_owner_database(environment).engine()
