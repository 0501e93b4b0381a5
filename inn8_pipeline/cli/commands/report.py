"""`inn8 report`: write one HTML file with what the syncs of the last days did."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import tenant_ids_of, tenant_option
from inn8_pipeline.cli.support.output import silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now

if TYPE_CHECKING:
    from inn8_pipeline.report import page
else:
    page = lazy_module("inn8_pipeline.report.page")


@click.command(
    name="report",
    epilog=examples(
        "inn8 report", "inn8 report --output /srv/www/inn8.html --days 90", notes="It has no personal data."
    ),
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default="inn8_report.html",
    show_default=True,
    help="The file; it is overwritten.",
)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366), help="How many days, with today.")
@tenant_option
def command(output: Path, days: int, tenant_id: str | None) -> None:
    """Write a page to look at: syncs, records, changes, durations, rejects, removals, drift and storage.

    It is one HTML file that needs neither a network nor a script, for light and dark screens.
    """
    silence()
    environment = Environment()
    with reading(environment, "reading what syncs did") as connection:
        text = page.page_of(connection, tenant_ids_of(environment, tenant_id), now(), days)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None
    click.echo(f"The report of the last {days} days was written to {output.resolve()}.")
