"""`inn8 diff`: show what syncs changed, row by row and column by column."""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import Failed, examples, suggestion
from inn8_pipeline.cli.support.options import DAY, ENTITY, json_option, tenant_ids_of, tenant_option
from inn8_pipeline.cli.support.output import console, folded, print_csv, print_json_lines
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from inn8_pipeline.warehouse.history import diff
    from inn8_pipeline.warehouse.history.diff import ValueChange
else:
    diff = lazy_module("inn8_pipeline.warehouse.history.diff")

COLUMNS = ("tenant_id", "table_name", "external_id", "changed_at", "reason", "run_id", "column_name", "old", "new")
_ROW = attrgetter("tenant_id", "table_name", "external_id", "changed_at")
EPILOG = examples(
    "inn8 diff                                    the last sync of each entity",
    "inn8 diff --run 1baa8ca8                     one run, as inn8 log names it",
    "inn8 diff --since 2026-11-01 --column phone  who changed the phone numbers",
    "inn8 diff --entity clients --csv",
)


@click.command(name="diff", epilog=EPILOG)
@click.option("--run", "run", metavar="RUN", help="Only this run: its id, or the first characters of it.")
@click.option("--since", type=DAY, help="All changes since the start of this day (UTC), edits by hand too.")
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--column", help="Only changes of this column.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a null is empty, every text is quoted.")
@tenant_option
@json_option
def command(
    run: str | None,
    since: date | None,
    entity: Entity | None,
    column: str | None,
    as_csv: bool,
    tenant_id: str | None,
    as_json: bool,
) -> None:
    """Show what the last sync changed: each row, with the old and the new value of each column.

    A row that a sync inserted is listed without its values. The output is personal data.
    """
    if run is not None and since is not None:
        raise click.UsageError("--run is one run: omit --since.")
    if as_csv and as_json:
        raise click.UsageError("Choose one of --csv and --json.")
    entities = [entity] if entity else list(ENTITIES)
    _check_column(column, entities)
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    from_at = datetime.combine(since, time.min, UTC) if since else None
    wanted = diff.DiffFilter(tenant_ids, since=from_at, column=column)
    with reading(environment, "reading what syncs changed") as connection:
        changes = _changes(connection, entities, wanted, run)
        if as_json:
            print_json_lines(dataclasses.asdict(each) for each in changes)
        elif as_csv:
            print_csv(COLUMNS, ([getattr(each, name) for name in COLUMNS] for each in changes))
        else:
            _print(changes, has_several=len(tenant_ids) > 1)


def _check_column(column: str | None, entities: Sequence[Entity]) -> None:
    known = [name for entity in entities for name in diff.column_names(entity)]
    if column is not None and column not in known:
        raise click.UsageError(f"{column!r} is not a column of these tables.{suggestion(column, known)}")


def _changes(
    connection: "Connection", entities: Sequence[Entity], wanted: "diff.DiffFilter", run: str | None
) -> "Iterator[ValueChange]":
    named = None if run is None else [_run_named(connection, entities, wanted, run)]
    for entity in entities:
        if wanted.since is not None:
            runs = None
        else:
            runs = diff.last_runs(connection, wanted.tenant_ids, entity) if named is None else named
        yield from diff.read(connection, entity, dataclasses.replace(wanted, runs=runs))


def _run_named(connection: "Connection", entities: Sequence[Entity], wanted: "diff.DiffFilter", run: str) -> str:
    found = diff.runs_named(connection, wanted.tenant_ids, entities, run)
    if not found:
        raise Failed(f"The sync log has no run {run!r} of these entities. `inn8 log` lists the runs.")
    if len(found) > 1:
        raise Failed(f"{len(found)} runs begin with {run!r}: add characters. `inn8 log --json` has their full ids.")
    return found[0]


def _print(changes: "Iterable[ValueChange]", *, has_several: bool) -> None:
    """Print a line for each changed row, and below it a line for each old and new value."""
    width, rows = console().width, 0
    for _, of_row in groupby(changes, _ROW):
        for number, change in enumerate(of_row):
            if number == 0:
                rows += 1
                click.echo(folded(_title(change, has_several=has_several), width))
            if change.column_name is not None:
                for sign, value in (("-", change.old), ("+", change.new)):
                    click.echo(folded(f"  {sign} {change.column_name}: {'null' if value is None else value!r}", width))
    click.echo(f"{rows:,} {'row' if rows == 1 else 'rows'} changed." if rows else "No row was changed.")
    sys.stdout.flush()


def _title(change: "ValueChange", *, has_several: bool) -> str:
    tenant = f"{change.tenant_id}/" if has_several else ""
    run = f", run {change.run_id[:8]}" if change.run_id else ""
    when = f"{change.changed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return f"{tenant}{change.table_name} {change.external_id}: {change.reason} {when}{run}"
