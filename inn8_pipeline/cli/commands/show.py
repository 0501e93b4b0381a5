"""`inn8 show`: show everything that is stored about one record."""

from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import Failed, examples
from inn8_pipeline.cli.support.options import ENTITY_OF_RECORD, json_option, tenant_id_of, tenant_option
from inn8_pipeline.cli.support.output import console, print_json, rows_table
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.queries.records import read

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.queries.records import Record

PARTS = ("sent", "rejects", "history")
EPILOG = examples("inn8 show client CL-000001", "inn8 show transaction TX-20261123-000855 --json")


@click.command(name="show", epilog=EPILOG)
@click.argument("entity", type=ENTITY_OF_RECORD)
@click.argument("external_id")
@tenant_option
@json_option
def command(entity: Entity, external_id: str, tenant_id: str | None, as_json: bool) -> None:
    """Show the row of EXTERNAL_ID, the rows that refer to it, what INN8 sent last, its rejects and its history.

    The history lists each version that the stored pages contain, newest first, with the first and the last fetch that
    contained it. The output is personal data.
    """
    environment = Environment()
    with reading(environment, f"reading a {entity.singular}") as connection:
        record = read(connection, tenant_id_of(environment, tenant_id), entity, external_id)
    if not record.is_known:
        raise Failed(
            f"No {entity.singular} {external_id!r} is stored. Ids are compared exactly: case and blanks matter."
        )
    if as_json:
        print_json(_as_json(record))
    else:
        _print(entity, record)


def _as_json(record: "Record") -> dict[str, object]:
    return {
        "row": dict(record.row) if record.row else None,
        "related": {name: [dict(row) for row in rows] for name, rows in record.related.items()},
        **{name: [dict(row) for row in getattr(record, name)] for name in PARTS},
    }


def _print(entity: Entity, record: "Record") -> None:
    screen = console()
    if record.row is None:
        click.echo(f"This {entity.singular} has no row: its record was rejected.")
    else:
        lines = [{"Column": name, "Value": value} for name, value in record.row.items() if value is not None]
        screen.print(rows_table(lines, ("Column", "Value"), "Row"))
    parts = (
        *((name.capitalize(), rows) for name, rows in record.related.items()),
        ("What INN8 sent last", record.sent),
        ("Rejects", record.rejects),
        ("History, newest first", record.history),
    )
    for title, rows in parts:
        if rows:
            screen.print(rows_table(rows, tuple(rows[0]), title))
