"""`inn8 db`: the warehouse's schema."""

import click

from inn8_pipeline.settings import Environment, read_database_url


@click.group(name="db")
def command() -> None:
    """The warehouse's schema (INN8_DATABASE_URL)."""


@command.command()
def upgrade() -> None:
    r"""Bring the warehouse to this release's schema version; all of it or nothing. Harmless where it is there already.

    \b
    Example
      inn8 db upgrade
    """
    url = read_database_url(Environment())
    from inn8_pipeline.warehouse.database import connect, guarded
    from inn8_pipeline.warehouse.migrations import found_version
    from inn8_pipeline.warehouse.migrations import upgrade as bring_up

    engine = connect(url)
    with guarded("upgrading the schema"):
        with engine.connect() as connection:
            before = found_version(connection)
        after = bring_up(engine)
    was = f"was {before}" if before else "was empty"
    click.echo(f"The warehouse has schema version {after} ({was}).")


@command.command()
def dictionary() -> None:
    r"""Print what every table and column means, as Markdown. Needs no database.

    \b
    Example
      inn8 db dictionary > docs/dictionary.md
    """
    from inn8_pipeline.cli import pages

    click.echo(pages.dictionary(), nl=False)
