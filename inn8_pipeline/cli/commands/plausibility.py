"""`inn8 plausibility`: list the transactions whose money or units do not add up."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import EXIT_PARTIAL, examples
from inn8_pipeline.cli.support.options import exit_code_option, json_option, tenant_ids_of, tenant_option
from inn8_pipeline.cli.support.output import console, print_json, print_text, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.tables import rows_table
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_plausibility, read_sync

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.queries import plausibility
else:
    plausibility = lazy_module("inn8_pipeline.warehouse.queries.plausibility")

MEANINGS = {
    "sign": "an amount or units with another sign than usual for the type",
    "negative_units": "the first day on which a portfolio has less than no units of a security (other)",
    "closed_with_units": "a closed portfolio that still has units of a security (other)",
    "unpaired_switch": "switches of a portfolio of which the amounts out and in differ; their largest one",
    "unpaired_transfer": "units transferred without a counterpart in another portfolio",
    "early_settlement": "settlement before trade",
    "duplicate": "likely a booking of the same thing again (other), equal in all but its id",
    "cancelled": "a booking and its reversal (other), whether it was booked again or not",
}
EPILOG = examples(
    "inn8 plausibility",
    "inn8 plausibility --kind duplicate --json",
    "inn8 plausibility --exit-code",
    notes=" ".join(f"{kind}: {meaning}." for kind, meaning in MEANINGS.items()),
)


@click.command(name="plausibility", epilog=EPILOG)
@click.option("--kind", type=click.Choice(list(MEANINGS)), help="Only this kind.")
@tenant_option
@json_option
@exit_code_option
def command(kind: str | None, tenant_id: str | None, as_json: bool, sets_exit_code: bool) -> None:
    """List the transactions that are implausible: money or units do not add up. Nothing is changed.

    Each rule is applied only if the data keep it (INN8_PLAUSIBILITY_MAX_PERCENT): your INN8 may have other conventions.
    With --exit-code, the exit code is 3 if something is listed.
    """
    silence()
    environment = Environment()
    tenant_ids = tenant_ids_of(environment, tenant_id)
    bounds = plausibility.Bounds(**asdict(read_plausibility(environment)), today=read_sync(environment).today())
    with reading(environment, "looking for implausible transactions") as connection:
        results = [
            (tenant, result)
            for tenant in tenant_ids
            for result in plausibility.examine(connection, tenant, bounds)
            if kind in {None, result.kind}
        ]
    if as_json:
        print_json([{"tenant_id": tenant, **asdict(result)} for tenant, result in results])
    else:
        _print(results, has_several=len(tenant_ids) > 1)
    sys.exit(EXIT_PARTIAL if sets_exit_code and any(result.findings for _, result in results) else 0)


def _print(results: "list[tuple[str, plausibility.RuleResult]]", *, has_several: bool) -> None:
    screen = console()
    for tenant, result in results:
        name = f"{tenant}: {result.kind}" if has_several else result.kind
        if result.findings:
            rows = [
                {
                    "day": each.trade_date,
                    "portfolio": each.portfolio_id,
                    "transaction": each.transaction_id,
                    "other": each.other_id,
                }
                for each in result.findings
            ]
            title = f"{name}: {MEANINGS[result.kind]}"
            screen.print(rows_table(rows, tuple(rows[0]), title, width=screen.width))
        elif not result.is_applied:
            print_text(
                f"{name} is not applied: {result.count:,} of {result.candidates:,} break this rule, so it is none of "
                "this INN8."
            )
    if not any(result.findings for _, result in results):
        click.echo("No implausible transactions were found.")
