"""`inn8 show`: show everything that is stored about one record."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import Failed, examples
from inn8_pipeline.cli.support.options import ENTITY_OF_RECORD, json_option, tenant_id_of, tenant_option
from inn8_pipeline.cli.support.output import console, print_json
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.tables import fits, row_table, rows_table
from inn8_pipeline.cli.support.times import INSTANT
from inn8_pipeline.entities import Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, moment

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.queries import records
    from inn8_pipeline.warehouse.queries.records import Record
else:
    records = lazy_module("inn8_pipeline.warehouse.queries.records")

PARTS = ("sent", "rejects", "history")
EPILOG = examples(
    "inn8 show client CL-000001",
    "inn8 show transaction TX-20261123-000855 --json",
    "inn8 show portfolio PF-000001 --as-of 2026-03-31",
)


@click.command(name="show", epilog=EPILOG)
@click.argument("entity", type=ENTITY_OF_RECORD)
@click.argument("external_id")
@click.option(
    "--as-of", type=INSTANT, help="Show only the row as it was at this instant, or at the end of this day (UTC)."
)
@tenant_option
@json_option
def command(entity: Entity, external_id: str, as_of: datetime | None, tenant_id: str | None, as_json: bool) -> None:
    """Show the row of EXTERNAL_ID, the rows that refer to it, what INN8 sent last, its rejects and its history.

    The history lists each version that the stored pages contain, newest first, with the first and the last fetch that
    contained it. The output is personal data.
    """
    environment = Environment()
    if as_of is not None:
        _show_as_of(environment, tenant_id_of(environment, tenant_id), entity, external_id, as_of, as_json=as_json)
        return
    with reading(environment, f"reading a {entity.singular}") as connection:
        record = records.read(connection, tenant_id_of(environment, tenant_id), entity, external_id)
    if not record.is_known:
        raise Failed(
            f"No {entity.singular} {external_id!r} is stored. Ids are compared exactly: case and blanks matter."
        )
    if as_json:
        print_json(_as_json(record))
    else:
        _print(entity, record)


def _show_as_of(
    environment: Environment, tenant_id: str, entity: Entity, external_id: str, instant: datetime, *, as_json: bool
) -> None:
    with reading(environment, f"reading a {entity.singular} of the past") as connection:
        row = records.read_as_of(connection, tenant_id, entity, external_id, instant)
    if row is None:
        raise Failed(
            f"No {entity.singular} {external_id!r} was stored at {moment(instant)}. History begins with"
            " the first sync, or with the upgrade to schema 0009."
        )
    if as_json:
        print_json({"row": dict(row)})
    else:
        console().print(row_table(row, f"Row as of {moment(instant)}"))


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
        screen.print(row_table(record.row, "Row"))
    parts = (
        *((name.capitalize(), rows) for name, rows in record.related.items()),
        ("What INN8 sent last", record.sent),
        ("Rejects", record.rejects),
        ("History, newest first", record.history),
    )
    for title, rows in parts:
        if rows and fits(rows, tuple(rows[0]), screen.width):
            screen.print(rows_table(rows, tuple(rows[0]), title))
            continue
        for number, row in enumerate(rows, 1):
            screen.print(row_table(row, f"{title} ({number} of {len(rows)})"))
