"""`inn8 probe`: compare a real INN8 with the contract."""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from inn8_pipeline.cli.support.group import examples
from inn8_pipeline.cli.support.options import json_option, tenant_argument, tenant_id_of, tenant_option
from inn8_pipeline.cli.support.output import console, print_json, print_text, silence
from inn8_pipeline.cli.support.tables import rows_table
from inn8_pipeline.contract import Contract
from inn8_pipeline.contract.writing import toml
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.extract.breaker import UncountedCircuits
from inn8_pipeline.extract.budget import BudgetStore, Unlimited
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.probe.findings import ProbeReport, Severity
from inn8_pipeline.probe.report import text_of
from inn8_pipeline.probe.server import MAX_REQUESTS
from inn8_pipeline.probe.session import probe
from inn8_pipeline.settings import Environment, read_database, read_endpoint, read_tenant, tenant_variable
from inn8_pipeline.warehouse.request_budget import PostgresBudget, RequestLimit

EPILOG = examples(
    "inn8 probe",
    "inn8 probe --write contract.toml",
    "inn8 probe --report inn8.md           a file for INN8's support, without personal data",
    "inn8 probe --json",
    notes="Exit codes: 0 INN8 is as the contract says; 3 it differs in what is handled; 1 it differs in what would "
    "lose data or fail.",
)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="probe", epilog=EPILOG)
@click.option("--write", "contract_file", type=NEW_FILE, help="Write a contract file that describes this INN8.")
@click.option(
    "--report", "report_file", type=NEW_FILE, help="Write a report for INN8's support, without personal data."
)
@tenant_option
@json_option
def command(contract_file: Path | None, report_file: Path | None, tenant_id: str | None, as_json: bool) -> None:
    """Compare INN8 with the contract, by at most 120 requests that change nothing.

    Needs INN8_BASE_URL, INN8_CLIENT_ID and INN8_CLIENT_SECRET; no database. Nothing is stored, and no circuit breaker
    opens. If INN8_MAX_REQUESTS_PER_MINUTE is set, the requests count towards that budget, which is in the database.
    """
    for each in filter(None, (contract_file, report_file)):
        if each.exists():
            raise click.UsageError(f"{each} exists and is not overwritten: name another file.")
    silence()
    environment = Environment()
    tenant = tenant_id_of(environment, tenant_id)
    endpoint = read_endpoint(environment, tenant)
    print_text(
        f"At most {MAX_REQUESTS} requests to {urlsplit(endpoint.base_url).hostname}{_of_tenant(environment, tenant)}, "
        "none of which changes data.",
        on_stderr=True,
    )
    with _budget(environment, tenant) as budget:
        report = _probe(endpoint, budget).of_tenant(tenant_variable(environment, tenant, ""))
    _write(report, contract_file, report_file)
    if as_json:
        print_json({"tenant": tenant, **report.as_json()})
    else:
        _print(report)
        _conclude(report, _of_tenant(environment, tenant))
        if contract_file is not None:
            variable = tenant_variable(environment, tenant, "CONTRACT_FILE")
            print_text(f"Written: {contract_file}. Look at it, set {variable}={contract_file}, and probe again.")
    sys.exit(report.exit_code)


def _probe(endpoint: Endpoint, budget: BudgetStore) -> ProbeReport:
    def connect(contract: Contract, page_size: int | None, pages_at_a_time: int, bounded: BudgetStore) -> Inn8Client:
        used = replace(endpoint, contract=contract, page_size=page_size, pages_at_a_time=pages_at_a_time)
        return Inn8Client(used, UncountedCircuits(), budget=bounded)

    return probe(
        connect, endpoint.contract, budget=budget, on_step=lambda step: click.echo(f"  looking at {step} …", err=True)
    )


def _budget(environment: Environment, tenant_id: str) -> AbstractContextManager[BudgetStore]:
    limit = read_tenant(environment, tenant_id).max_requests_per_minute
    if limit is None:
        return nullcontext(Unlimited())
    return PostgresBudget(read_database(environment).engine(), tenant_id, RequestLimit(limit))


def _write(report: ProbeReport, contract_file: Path | None, report_file: Path | None) -> None:
    if contract_file is not None:
        contract_file.write_text(toml(report.proposal, {each.name: each for each in ENTITIES}), encoding="utf-8")
    if report_file is not None:
        report_file.write_text(text_of(report), encoding="utf-8")


def _of_tenant(environment: Environment, tenant_id: str) -> str:
    """Return " for the tenant X", or an empty text if there is only one tenant."""
    return f" for the tenant {tenant_id}" if tenant_argument(environment, tenant_id) else ""


def _print(report: ProbeReport) -> None:
    screen = console()
    rows = [
        {"Of": each.subject, "What": each.topic, "Result": each.severity, "Seen": each.seen} for each in report.findings
    ]
    screen.print(rows_table(rows, ["Of", "What", "Result", "Seen"], width=screen.width))
    for each in report.findings:
        if each.severity is not Severity.AS_CONTRACT:
            print_text(f"{each.subject}, {each.topic}: {each.severity}. {each.seen}. {each.meaning}", indent=2)
            click.echo("".join(f"    {line}\n" for line in each.line.splitlines()), nl=False)


def _conclude(report: ProbeReport, of_tenant: str) -> None:
    print_text(f"\n{report.requests} requests{of_tenant}. {_SUMMARY[report.severity]}")


_SUMMARY = {
    Severity.AS_CONTRACT: "INN8 is as the contract says.",
    Severity.HANDLED: "INN8 differs from the contract in what is handled: nothing is lost.",
    Severity.LOSES: "With the contract in force a sync would lose data or fail: --write proposes another one.",
}
