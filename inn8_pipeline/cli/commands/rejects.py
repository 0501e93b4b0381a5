"""`inn8 rejects`: list, show, retry and accept records that failed validation."""

import sys
from typing import TYPE_CHECKING, Any

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import EXIT_PARTIAL, Failed, examples
from inn8_pipeline.cli.support.options import (
    ENTITY,
    exit_code_option,
    json_option,
    tenant_id_of,
    tenant_ids_of,
    tenant_of,
    tenant_option,
    verbose_option,
)
from inn8_pipeline.cli.support.output import console, print_json, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.tables import rows_table
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_database

if TYPE_CHECKING:
    from inn8_pipeline.cli.support import sync_runs
    from inn8_pipeline.warehouse.queries import rejects
else:
    sync_runs = lazy_module("inn8_pipeline.cli.support.sync_runs")
    rejects = lazy_module("inn8_pipeline.warehouse.queries.rejects")

COLUMNS = (
    "id",
    "entity",
    "external_id",
    "trade_date",
    "reason_code",
    "reason",
    "attempts",
    "first_seen_at",
    "accepted_at",
)
EXPENDABLE = ("accepted_at", "attempts", "first_seen_at", "trade_date", "reason_code")
"""The columns that a narrow terminal leaves out, the first one first."""


@click.group(
    name="rejects",
    epilog=examples(
        "inn8 rejects list --entity portfolios",
        "inn8 rejects show 17",
        'inn8 rejects accept 17 --note "closed account, INN8 will not correct it"',
        "inn8 rejects retry",
    ),
)
def command() -> None:
    """List, show, retry or accept records that failed validation.

    Each sync tries the open rejects again. A reject is resolved as soon as its record can be merged, or INN8 no longer
    sends it.
    """


@command.command("list", epilog=examples("inn8 rejects list --entity transactions --json"))
@click.option("--entity", type=ENTITY, help="Only this entity.")
@click.option("--all", "with_resolved", is_flag=True, help="Include resolved rejects.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="The number of rejects to show.")
@tenant_option
@json_option
@exit_code_option
def list_rejects(
    entity: Entity | None,
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
    with reading(environment, "reading the rejects") as connection:
        found = [
            {"tenant_id": each, **row}
            for each in tenant_ids
            for row in rejects.list_rejects(connection, each, entity, with_resolved=with_resolved, limit=limit)
        ][:limit]
    if as_json:
        print_json(found)
    elif found:
        columns = (
            *(["tenant_id"] if len(tenant_ids) > 1 else []),
            *COLUMNS,
            *(["resolution"] if with_resolved else []),
        )
        screen = console()
        screen.print(rows_table(found, columns, width=screen.width, expendable=EXPENDABLE))
    else:
        click.echo("There are no rejects." if with_resolved else "There are no open rejects.")
    needs_action = any(each["resolved_at"] is None and each["accepted_at"] is None for each in found)
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
        raise _unknown(reject_id)
    print_json(dict(found)) if as_json else console().print(rows_table(_lines(found), ("Column", "Value")))


@command.command(epilog=examples('inn8 rejects accept 17 --note "closed account, INN8 will not correct it"'))
@click.argument("reject_id", type=int)
@click.option("--note", required=True, help="Why the record will stay rejected.")
@tenant_option
def accept(reject_id: int, note: str, tenant_id: str | None) -> None:
    """Accept an open reject as permanent: it stays stored, but no longer causes PartialSuccess.

    If INN8 sends another version of the record, that version is tried again.
    """
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    if not rejects.accept(read_database(environment).engine(), tenant, reject_id, note):
        raise _unknown(reject_id)
    click.echo(f"Reject {reject_id} is accepted. Beginning with the next sync, it no longer causes PartialSuccess.")


@command.command(epilog=examples("inn8 rejects retry --entity portfolios"))
@click.option("--entity", type=ENTITY, help="Only this entity.")
@tenant_option
@json_option
@verbose_option
def retry(entity: Entity | None, tenant_id: str | None, as_json: bool, verbose: bool) -> None:
    """Sync the entities that have open rejects. That tries every reject again, whatever its day of trade.

    Exit codes: those of `inn8 sync`.
    """
    environment = Environment()
    settings = sync_runs.read_settings(environment, [tenant_id_of(environment, tenant_id)])
    if not verbose:
        silence()
    tenant = tenant_of(environment, tenant_id)
    with reading(environment, "reading the rejects") as connection:
        found = {row["entity"] for row in rejects.list_rejects(connection, tenant.tenant_id, entity)}
    if not found and not as_json:
        click.echo("There are no open rejects.")
        return
    wanted = [ENTITIES.named(name) for name in found]
    planned = dagster_modules.runs.plan(tenant, wanted, settings.last_days(settings.lookback_days))
    sync_runs.report(environment, planned, sync_runs.run_all(environment, planned, verbose=verbose), as_json=as_json)


def _unknown(reject_id: int) -> Failed:
    return Failed(
        f"There is no open reject {reject_id}: nothing was changed. `inn8 rejects list` lists the open rejects; with "
        "--all it includes the resolved ones."
    )


def _lines(row: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (a row)
    return [{"Column": name, "Value": value} for name, value in row.items() if value is not None]
