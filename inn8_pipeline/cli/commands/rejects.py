"""`inn8 rejects`: list, show, export, retry and accept records that failed validation."""

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click

from inn8_pipeline.cli.support import dagster_modules, reject_list
from inn8_pipeline.cli.support.group import EXIT_PARTIAL, Failed, examples
from inn8_pipeline.cli.support.options import (
    ENTITY,
    by_option,
    exit_code_option,
    json_option,
    tenant_id_of,
    tenant_ids_of,
    tenant_of,
    tenant_option,
    verbose_option,
)
from inn8_pipeline.cli.support.output import console, print_csv, print_json, print_json_lines, print_text, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.tables import row_table
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_database

if TYPE_CHECKING:
    from inn8_pipeline.cli.support import sync_runs
    from inn8_pipeline.warehouse.queries import rejects
    from inn8_pipeline.warehouse.queries.tables import Row
else:
    sync_runs = lazy_module("inn8_pipeline.cli.support.sync_runs")
    rejects = lazy_module("inn8_pipeline.warehouse.queries.rejects")

MOST_SHOWN = 20
"""The greatest number of ids in a message."""


@click.group(
    name="rejects",
    epilog=examples(
        "inn8 rejects list --entity portfolios",
        "inn8 rejects show 17",
        "inn8 rejects export --format csv > rejects.csv",
        'inn8 rejects accept 17 --note "closed account, INN8 will not correct it"',
        "inn8 rejects retry",
    ),
)
def command() -> None:
    """List, show, export, retry or accept records that failed validation.

    Each sync tries the open rejects again. A reject is resolved as soon as its record can be merged, or INN8 no longer
    sends it.
    """


@command.command(
    "list",
    epilog=examples(
        "inn8 rejects list --entity transactions --json",
        "inn8 rejects list --with-accepted",
        notes="Rejects that somebody has accepted are only counted, unless --with-accepted or --all lists them, with "
        "the state of each. --json always has them, with their accepted_at.",
    ),
)
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--with-accepted", is_flag=True, help="Include the open rejects that somebody has accepted.")
@click.option("--all", "with_resolved", is_flag=True, help="Include accepted and resolved rejects.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="The number of rejects to show.")
@tenant_option
@json_option
@exit_code_option
def list_rejects(
    entity: Entity | None,
    with_accepted: bool,
    with_resolved: bool,
    limit: int,
    tenant_id: str | None,
    as_json: bool,
    sets_exit_code: bool,
) -> None:
    """List the open rejects with their reasons, without the records' values.

    With --exit-code, the exit code is 3 if an open reject is listed that nobody has accepted.
    """
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    has_states = with_accepted or with_resolved
    flags = {"with_accepted": has_states or as_json, "with_resolved": with_resolved}
    with reading(environment, "reading the rejects") as connection:
        found = [
            {"tenant_id": each, **row}
            for each in tenant_ids
            for row in rejects.list_rejects(connection, each, entity, **flags, limit=limit)
        ][:limit]
        counts = [rejects.count_open(connection, each, entity) for each in tenant_ids]
    if as_json:
        print_json(found)
    elif with_resolved and not found:
        click.echo("There are no rejects.")
    else:
        if found:
            reject_list.print_table(found, has_several=len(tenant_ids) > 1, has_states=has_states)
        shown = sum(each["resolved_at"] is None for each in found)
        open_ones, accepted = (sum(each) for each in zip(*counts, strict=True))
        print_text(reject_list.summary(open_ones, accepted, shown, has_states=has_states))
    needs_action = any(reject_list.state(each) == reject_list.OPEN for each in found)
    sys.exit(EXIT_PARTIAL if sets_exit_code and needs_action else 0)


@command.command(epilog=examples("inn8 rejects show 17"))
@click.argument("reject_id", type=int)
@tenant_option
@json_option
def show(reject_id: int, tenant_id: str | None, as_json: bool) -> None:
    """Show one reject with its record as INN8 sent it. The output is personal data."""
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    with reading(environment, "reading a reject") as connection:
        found = rejects.show(connection, tenant, reject_id)
    if found is None:
        raise _unknown([reject_id])
    print_json(dict(found)) if as_json else console().print(row_table(found))


@command.command(
    epilog=examples(
        "inn8 rejects export --format csv > rejects.csv",
        "inn8 rejects export --entity clients --reason missing_field --with-payload",
        notes="Ids of records are no personal data; payloads are. If a record has no valid id, external_id is "
        "empty: record_key is the digest of the record, and landing_id the fetch that brought it.",
    )
)
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--reason", "reason_code", help="Only this reason code, such as missing_field.")
@click.option(
    "--format", "as_format", type=click.Choice(["csv", "json"]), default="json", show_default=True, help="The format."
)
@click.option("--with-accepted", is_flag=True, help="Include the open rejects that somebody has accepted.")
@click.option("--with-notes", is_flag=True, help="With the notes of accepted rejects, which are not meant for INN8.")
@click.option("--with-payload", is_flag=True, help="With each record as INN8 sent it, which is personal data.")
@tenant_option
def export(
    entity: Entity | None,
    reason_code: str | None,
    as_format: str,
    with_accepted: bool,
    with_notes: bool,
    with_payload: bool,
    tenant_id: str | None,
) -> None:
    """Print the open rejects that nobody has accepted as JSON or CSV, to send them to INN8, or for `accept --file`."""
    if with_notes and not with_accepted:
        raise click.UsageError("--with-notes belongs to --with-accepted: only accepted rejects have notes.")
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    with reading(environment, "exporting the rejects") as connection:
        found = rejects.export(
            connection, tenant, entity, reason_code, with_accepted=with_accepted, with_payload=with_payload
        )
    wanted = {"accepted_note": with_notes, "payload": with_payload}
    names = (*rejects.EXPORTED, *(name for name, is_wanted in wanted.items() if is_wanted))
    lines = [{name: row[name] for name in names} for row in found]
    print_json_lines(lines) if as_format == "json" else print_csv(names, (each.values() for each in lines))


@command.command(
    epilog=examples(
        'inn8 rejects accept 17 --note "closed account, INN8 will not correct it"',
        'inn8 rejects accept --entity transactions --reason unknown_parent --note "test portfolios"',
        'inn8 rejects accept --file rejects.csv --note "INN8, ticket 4711"',
    )
)
@click.argument("reject_ids", type=int, nargs=-1)
@click.option("--entity", type=ENTITY, help="With --reason: only this entity.")
@click.option("--reason", "reason_code", help="All open rejects with this reason code, such as missing_field.")
@click.option(
    "--file", "file", type=click.File(), help="The ids in the column `id` of a CSV file, as `export` prints it."
)
@click.option("--note", required=True, help="Why the records will stay rejected.")
@by_option
@tenant_option
def accept(
    reject_ids: tuple[int, ...],
    entity: Entity | None,
    reason_code: str | None,
    file: TextIO | None,
    note: str,
    by: str,
    tenant_id: str | None,
) -> None:
    """Accept open rejects as permanent: they stay stored, but no longer cause PartialSuccess.

    The note and who accepted them are stored. If INN8 sends another version of a record, that version is tried again.
    """
    if sum([bool(reject_ids), reason_code is not None, file is not None]) != 1 or (entity and not reason_code):
        raise click.UsageError("Name the rejects by their ids, by --reason (and --entity), or by --file: one of these.")
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    wanted = list(reject_ids) if file is None else _ids_of(file)
    if reason_code is not None:
        wanted = [row["id"] for row in _open_rejects(environment, tenant, entity, reason_code)]
    accepted = rejects.accept(read_database(environment).engine(), tenant, wanted, f"{note} ({by})")
    unknown = [each for each in wanted if each not in accepted]
    if accepted:
        named = f"Reject {min(accepted)} is" if len(accepted) == 1 else f"{len(accepted)} rejects are"
        verb = "causes" if len(accepted) == 1 else "cause"
        it = "it" if len(accepted) == 1 else "they"
        print_text(f"{named} accepted. Beginning with the next sync, {it} no longer {verb} PartialSuccess.")
    elif not unknown:
        click.echo("There is no such open reject: nothing was changed.")
    if unknown:
        raise _unknown(unknown, has_accepted=bool(accepted))


def _ids_of(file: TextIO) -> list[int]:
    """Return the ids in the column `id` of a CSV file."""
    rows = csv.DictReader(file)
    try:
        return [int(row["id"]) for row in rows]
    except (KeyError, TypeError, ValueError, csv.Error):
        problem = f"{file.name} is no CSV file with a column `id` of whole numbers: nothing was changed."
        raise click.UsageError(problem) from None


@command.command(epilog=examples("inn8 rejects retry --entity portfolios", "inn8 rejects retry 17"))
@click.argument("reject_ids", type=int, nargs=-1)
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--reason", "reason_code", help="Only this reason code: also rejects that were accepted.")
@tenant_option
@json_option
@verbose_option
def retry(
    reject_ids: tuple[int, ...],
    entity: Entity | None,
    reason_code: str | None,
    tenant_id: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Sync the entities that have open rejects. That tries every reject again, whatever its day of trade.

    Rejects that are named by their ids or by --reason are no longer accepted. Exit codes: those of `inn8 sync`.
    """
    environment = Environment()
    settings = sync_runs.read_settings(environment, [tenant_id_of(environment, tenant_id)])
    if not verbose:
        silence()
    tenant = tenant_of(environment, tenant_id)
    rows = _open_rejects(environment, tenant.tenant_id, entity, reason_code)
    named = [row for row in rows if not reject_ids or row["id"] in reject_ids]
    if len(named) < len(set(reject_ids)):
        raise _unknown(sorted(set(reject_ids) - {row["id"] for row in named}))
    if reject_ids or reason_code:
        rejects.reopen(read_database(environment).engine(), tenant.tenant_id, [row["id"] for row in named])
    found = {row["entity"] for row in named}
    if not found and not as_json:
        click.echo("There are no open rejects.")
        return
    wanted = [ENTITIES.named(name) for name in found]
    planned = dagster_modules.runs.plan(tenant, wanted, settings.last_days(settings.lookback_days))
    sync_runs.report(environment, planned, sync_runs.run_all(environment, planned, verbose=verbose), as_json=as_json)


def _open_rejects(
    environment: Environment, tenant_id: str, entity: Entity | None, reason_code: str | None
) -> "Sequence[Row]":
    with reading(environment, "looking for rejects") as connection:
        return rejects.export(connection, tenant_id, entity, reason_code, with_accepted=True)


def _unknown(reject_ids: Sequence[int], *, has_accepted: bool = False) -> Failed:
    shown = ", ".join(map(str, reject_ids[:MOST_SHOWN])) + ("…" if len(reject_ids) > MOST_SHOWN else "")
    changed = "the others were accepted" if has_accepted else "nothing was changed"
    return Failed(
        f"There is no open reject {shown}: {changed}. `inn8 rejects list --all` lists all rejects with their states."
    )
