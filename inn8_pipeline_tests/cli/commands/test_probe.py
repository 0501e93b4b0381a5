"""`inn8 probe` at the terminal: its files, its exit codes, and that it needs no database."""

import json
from pathlib import Path

import pytest

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline_tests.cli.conftest import Place

DIALECT = "records = '/data'\n[paging]\nstyle = 'offset'\n[collections.clients.properties]\nphoneNumber = 'mobile'"


@pytest.mark.slow
def test_a_probe_writes_a_contract_with_which_the_next_probe_and_a_sync_succeed(place: Place, tmp_path: Path) -> None:
    place.server.app.dialects.update(dialects_of(parse(DIALECT, ENTITIES)))
    contract, report = tmp_path / "contract.toml", tmp_path / "inn8.md"
    shown = place.terminal.ask("probe", "--write", str(contract), "--report", str(report))
    assert shown.exit_code == 1
    assert 'collections.clients.properties.phoneNumber = "mobile"' in shown.output
    assert report.read_text(encoding="utf-8").startswith("# What INN8 sends")
    terminal = place.terminal.but(INN8_CONTRACT_FILE=str(contract))
    assert terminal.ask("probe").exit_code in {0, 3}
    assert terminal.run("sync", "--full").returncode == 0


def test_a_probe_needs_no_database_and_prints_json(place: Place) -> None:
    shown = place.terminal.but(INN8_DATABASE_URL="", DAGSTER_POSTGRES_URL="").ask("probe", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["result"] == "ok"
    assert shown.stderr.startswith("At most 120 requests to 127.0.0.1, none of which changes data.")


def test_a_file_that_exists_is_not_overwritten_and_no_request_is_made(place: Place, tmp_path: Path) -> None:
    there = tmp_path / "contract.toml"
    there.write_text("")
    shown = place.terminal.ask("probe", "--write", str(there))
    assert shown.exit_code == 2
    assert "exists and is not overwritten" in shown.output
    assert not place.server.app.stats.requests


def test_wrong_credentials_are_named_and_nothing_else_is_asked(place: Place) -> None:
    shown = place.terminal.but(INN8_CLIENT_SECRET="wrong-secret").ask("probe")
    assert shown.exit_code == 1
    assert "401 invalid_client" in shown.output
    assert "wrong-secret" not in shown.output
    assert set(place.server.app.stats.requests) == {"/oauth/token"}


def test_requests_of_a_probe_count_towards_the_budget(place: Place) -> None:
    shown = place.terminal.but(INN8_MAX_REQUESTS_PER_MINUTE="6000").ask("probe")
    assert shown.exit_code == 0


def test_the_findings_of_one_of_several_tenants_name_it_and_its_variables(place: Place, tmp_path: Path) -> None:
    terminal = place.terminal.but(
        INN8_TENANTS=f"{place.terminal.variables['INN8_TENANT_ID']},acme",
        INN8_ACME__BASE_URL=place.server.base_url,
        INN8_ACME__CLIENT_ID="unknown",
        INN8_ACME__CLIENT_SECRET="wrong-secret",
    )
    shown = terminal.ask("probe", "--tenant", "acme", "--write", str(tmp_path / "acme.toml"))
    assert "requests to 127.0.0.1 for the tenant acme, none of which changes data." in shown.output
    assert "INN8_ACME__CLIENT_ID" in shown.output
    assert "requests for the tenant acme. With the contract in force" in shown.output
    assert "set INN8_ACME__CONTRACT_FILE=" in shown.output
    assert json.loads(terminal.ask("probe", "--tenant", "acme", "--json").stdout)["tenant"] == "acme"
