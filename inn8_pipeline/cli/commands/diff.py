"""`inn8 diff`: show what syncs changed, row by row and column by column."""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import chain
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.changes import Listing, print_changes
from inn8_pipeline.cli.support.group import Failed, examples, suggestion
from inn8_pipeline.cli.support.options import TABLE, json_option, tenant_ids_of, tenant_option
from inn8_pipeline.cli.support.output import print_csv, print_json_lines, print_text
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.times import DAY
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, moment

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from inn8_pipeline.warehouse.history import diff
else:
    diff = lazy_module("inn8_pipeline.warehouse.history.diff")

COLUMNS = ("tenant_id", "table_name", "external_id", "changed_at", "reason", "run_id", "column_name", "old", "new")
EPILOG = examples(
    "inn8 diff                                    the last sync of each entity",
    "inn8 diff --run 1baa8ca8                     one run, as inn8 log names it",
    "inn8 diff --since 2026-11-01 --column phone  who changed the phone numbers",
    "inn8 diff --entity clients --csv",
    "inn8 diff --entity securities --limit 0",
)


@click.command(name="diff", epilog=EPILOG)
@click.option("--run", "run", metavar="RUN", help="Only this run: its id, or the first characters of it.")
@click.option("--since", type=DAY, help="All changes since the start of this day (UTC), including manual edits.")
@click.option("--entity", "table", type=TABLE, help="Only this entity, or only the securities of transactions.")
@click.option("--column", help="Only changes of this column.")
@click.option("--inserted", "with_inserted", is_flag=True, help="List the rows that were inserted too.")
@click.option(
    "--limit",
    default=Listing().limit,
    show_default=True,
    type=click.IntRange(0),
    help="The number of rows of each table to list; 0 for all.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a null is empty, every text is quoted.")
@tenant_option
@json_option
def command(
    run: str | None,
    since: date | None,
    table: Entity | str | None,
    column: str | None,
    with_inserted: bool,
    limit: int,
    as_csv: bool,
    tenant_id: str | None,
    as_json: bool,
) -> None:
    """Show what the last sync changed: how many rows, then each row with the old and the new value of each column.

    A sync of many days has several runs, which are shown together. A row that a sync inserted is listed without its
    values, and only with --inserted. --json and --csv list all rows. The output is personal data.
    """
    if run is not None and since is not None:
        raise click.UsageError("--run is one run: omit --since.")
    if as_csv and as_json:
        raise click.UsageError("Choose one of --csv and --json.")
    entities = _entities(table)
    _check_column(column, entities)
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    from_at = datetime.combine(since, time.min, UTC) if since else None
    tables = [table] if isinstance(table, str) else None
    wanted = diff.DiffFilter(tenant_ids, since=from_at, column=column, tables=tables)
    with reading(environment, "reading what syncs changed") as connection:
        filters = list(_filters(connection, entities, wanted, run))
        changes = chain.from_iterable(diff.read(connection, each, of_entity) for each, of_entity, _ in filters)
        if as_json:
            print_json_lines(dataclasses.asdict(each) for each in changes)
        elif as_csv:
            print_csv(COLUMNS, ([getattr(each, name) for name in COLUMNS] for each in changes))
        else:
            has_several = len(tenant_ids) > 1
            for each, _, syncs in filters:
                _print_runs(each, syncs, has_several=has_several, is_last=run is None)
            print_changes(changes, Listing(limit, with_inserted), has_several=has_several)


def _entities(table: Entity | str | None) -> list[Entity]:
    return [each for each in ENTITIES if table is None or each is table or table in {of.name for of in each.dimensions}]


def _check_column(column: str | None, entities: Sequence[Entity]) -> None:
    known = [name for entity in entities for name in diff.column_names(entity)]
    if column is not None and column not in known:
        raise click.UsageError(f"{column!r} is not a column of these tables.{suggestion(column, known)}")


def _filters(
    connection: "Connection", entities: Sequence[Entity], wanted: "diff.DiffFilter", run: str | None
) -> "Iterator[tuple[Entity, diff.DiffFilter, Sequence[diff.MergedSync]]]":
    """Yield which changes of each entity to read, and the syncs that made them: none if all since a day are read."""
    run_id = None if run is None else _run_named(connection, entities, wanted, run)
    for entity in entities:
        if run_id is not None:
            syncs, runs = diff.syncs_of_run(connection, wanted.tenant_ids, entity, run_id), [run_id]
        elif wanted.since is None:
            syncs = diff.last_syncs(connection, wanted.tenant_ids, entity)
            runs = [each for sync in syncs for each in sync.runs]
        else:
            syncs, runs = (), None
        yield entity, dataclasses.replace(wanted, runs=runs), syncs


def _print_runs(entity: Entity, syncs: "Sequence[diff.MergedSync]", *, has_several: bool, is_last: bool) -> None:
    """Print which syncs the changes are of: the entity, the run and its start."""
    for sync in syncs:
        name = f"{sync.tenant_id}/{entity}" if has_several else entity
        which = "last sync, " if is_last else ""
        began = f"began {moment(sync.started_at)}"
        days = f", {sync.window}" if sync.window else ""
        if len(sync.runs) == 1:
            print_text(f"{name}: {which}run {sync.runs[0][:8]}, {began}{days}", indent=2)
        else:
            print_text(
                f"{name}: {which}{len(sync.runs)} runs, {began}{days}: `inn8 log --entity {entity}` lists them, and "
                "`inn8 diff --run RUN` shows one",
                indent=2,
            )


def _run_named(connection: "Connection", entities: Sequence[Entity], wanted: "diff.DiffFilter", run: str) -> str:
    found = diff.runs_named(connection, wanted.tenant_ids, entities, run)
    if not found:
        raise Failed(f"The sync log has no run {run!r} of these entities. `inn8 log` lists the runs.")
    if len(found) > 1:
        raise Failed(f"{len(found)} runs begin with {run!r}: add characters. `inn8 log --json` has their full ids.")
    return found[0]
