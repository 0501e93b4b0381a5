"""`inn8 rejects`: records that INN8 sent and that could not become rows, and what the operator does about them."""

from typing import Any

import click

from inn8_pipeline.cli.support.group import Failed
from inn8_pipeline.cli.support.instance import open_instance, silence
from inn8_pipeline.cli.support.options import ENTITY, json_option, tenant_of, tenant_option, verbose_option
from inn8_pipeline.cli.support.screen import console, print_json, rows_table
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import Environment, read_database_url

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


@click.group(name="rejects")
def command() -> None:
    r"""Refused records. Each sync tries the open ones again; one that INN8 mends or takes back settles itself.

    \b
    Examples
      inn8 rejects list --entity portfolios
      inn8 rejects show 17
      inn8 rejects accept 17 --note "closed account, INN8 will not mend it"
      inn8 rejects retry
    """


@command.command("list")
@click.option("--entity", type=ENTITY, help="Only this entity's.")
@click.option("--all", "with_resolved", is_flag=True, help="The settled ones too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@tenant_option
@json_option
def list_rejects(
    entity: Entity | None,
    with_resolved: bool,
    limit: int,
    tenant_id: str | None,
    as_json: bool,
) -> None:
    r"""The open rejects with their reasons; never their values.

    \b
    Example
      inn8 rejects list --entity transactions --json
    """
    environment = Environment()
    from inn8_pipeline.cli.support.queries import reading
    from inn8_pipeline.warehouse.queries import operator

    tenant = tenant_of(environment, tenant_id)
    with reading(environment, "reading the rejects") as connection:
        found = operator.rejects(connection, tenant.tenant_id, entity, resolved=with_resolved, limit=limit)
    if as_json:
        print_json([dict(row) for row in found])
    elif found:
        columns = (*COLUMNS, "resolution") if with_resolved else COLUMNS
        console().print(rows_table(found, columns))
    else:
        click.echo("No record is refused.")


@command.command()
@click.argument("reject_id", type=int)
@tenant_option
@json_option
def show(reject_id: int, tenant_id: str | None, as_json: bool) -> None:
    r"""One reject, with the record as INN8 sent it: personal data, for your eyes.

    \b
    Example
      inn8 rejects show 17
    """
    environment = Environment()
    from inn8_pipeline.cli.support.queries import reading
    from inn8_pipeline.warehouse.queries import operator

    tenant = tenant_of(environment, tenant_id)
    with reading(environment, "reading a reject") as connection:
        found = operator.reject(connection, tenant.tenant_id, reject_id)
    if found is None:
        raise _unknown(reject_id)
    print_json(dict(found)) if as_json else console().print(rows_table(_lines(found), ("Column", "Value")))


@command.command()
@click.argument("reject_id", type=int)
@click.option("--note", required=True, help="Why it will stay refused.")
@tenant_option
def accept(reject_id: int, note: str, tenant_id: str | None) -> None:
    r"""Accept an open reject as permanent: it is kept, and no longer makes every sync a PartialSuccess.

    If INN8 sends another version of the record, that one is tried again.

    \b
    Example
      inn8 rejects accept 17 --note "closed account, INN8 will not mend it"
    """
    environment = Environment()
    from inn8_pipeline.warehouse.database import connect
    from inn8_pipeline.warehouse.queries import operator

    tenant = tenant_of(environment, tenant_id)
    if not operator.accept(connect(read_database_url(environment)), tenant.tenant_id, reject_id, note):
        raise _unknown(reject_id)
    click.echo(f"Reject {reject_id} is accepted: from the next sync on it no longer colours the status.")


@command.command()
@click.option("--entity", type=ENTITY, help="Only this entity's.")
@tenant_option
@verbose_option
def retry(entity: Entity | None, tenant_id: str | None, verbose: bool) -> None:
    r"""Sync the entities that have open rejects: each of these is tried again, whatever day it is of.

    \b
    Example
      inn8 rejects retry --entity portfolios
    """
    environment = Environment()
    from inn8_pipeline.cli.commands.sync import read_settings, report, run_steps
    from inn8_pipeline.cli.support.queries import reading
    from inn8_pipeline.cli.support.runs import execute, load_definitions, plan
    from inn8_pipeline.warehouse.queries import operator

    tenant = tenant_of(environment, tenant_id)
    settings = read_settings(environment, [tenant])
    if not verbose:
        silence()
    with reading(environment, "reading the rejects") as connection:
        found = {row["entity"] for row in operator.rejects(connection, tenant.tenant_id, entity)}
    if not found:
        click.echo("No record is refused.")
        return
    with open_instance(environment) as instance:
        definitions = load_definitions()
        steps = plan(tenant, [ENTITIES.named(name) for name in found], settings.last_days(settings.lookback_days))
        done = run_steps(steps, lambda step: execute(definitions, instance, step, verbose=verbose))
    report(done, as_json=False)


def _unknown(reject_id: int) -> Failed:
    return Failed(
        f"There is no reject {reject_id}, or it is settled: nothing was done. `inn8 rejects list` names the open ones."
    )


def _lines(row: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (a row)
    return [{"Column": name, "Value": value} for name, value in row.items() if value is not None]
