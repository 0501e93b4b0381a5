"""`inn8 show`: all that there is of one record."""

from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import Failed
from inn8_pipeline.cli.support.options import RECORD_KIND, json_option, tenant_of, tenant_option
from inn8_pipeline.cli.support.screen import console, print_json, rows_table
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.queries.records import Record

PARTS = ("sent", "rejects", "history")
EPILOG = """
\b
Examples
  inn8 show client CL-000001
  inn8 show transaction TX-20261123-000855 --json
"""


@click.command(name="show", epilog=EPILOG)
@click.argument("entity", metavar="KIND", type=RECORD_KIND)
@click.argument("external_id")
@tenant_option
@json_option
def command(entity: Entity, external_id: str, tenant_id: str | None, as_json: bool) -> None:
    """The row of EXTERNAL_ID, what belongs to it, what INN8 sent last, its rejects, its history.

    The history has each version that the kept pages hold, newest first, with the first and the last fetch that brought
    it. Personal data, for your eyes.
    """
    environment = Environment()
    from inn8_pipeline.cli.support.queries import reading
    from inn8_pipeline.warehouse.queries.records import read

    with reading(environment, f"reading a {entity.singular}") as connection:
        record = read(connection, tenant_of(environment, tenant_id).tenant_id, entity, external_id)
    if not record.is_known:
        raise Failed(
            f"INN8 has sent no {entity.singular} {external_id!r} that is here. Ids are compared to the letter."
        )
    if as_json:
        print_json(
            {
                "row": dict(record.row) if record.row else None,
                "related": {name: [dict(row) for row in rows] for name, rows in record.related.items()},
                **{name: [dict(row) for row in getattr(record, name)] for name in PARTS},
            }
        )
    else:
        _print(entity, record)


def _print(entity: Entity, record: "Record") -> None:
    screen = console()
    if record.row is None:
        click.echo(f"There is no row of this {entity.singular}: it was refused.")
    else:
        lines = [{"Column": name, "Value": value} for name, value in record.row.items() if value is not None]
        screen.print(rows_table(lines, ("Column", "Value"), "The row"))
    parts = (
        *((name.capitalize(), rows) for name, rows in record.related.items()),
        ("What INN8 sent last", record.sent),
        ("Rejects", record.rejects),
        ("History, newest first", record.history),
    )
    for title, rows in parts:
        if rows:
            screen.print(rows_table(rows, tuple(rows[0]), title))
