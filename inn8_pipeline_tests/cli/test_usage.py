"""Usage errors, which are reported before anything is started."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inn8_pipeline.cli import main
from inn8_pipeline.cli.instance.home import dagster_home
from inn8_pipeline.cli.support.folders import packaged
from inn8_pipeline.cli.support.options import ENTITY, ENTITY_OF_RECORD
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.cli.conftest import Terminal

SETTINGS = {
    "INN8_BASE_URL": "https://api.inn8.example",
    "INN8_CLIENT_ID": "fullview",
    "INN8_CLIENT_SECRET": "a-well-kept-secret",
    "INN8_DATABASE_URL": "postgresql+psycopg://inn8:warehouse-password@localhost:1/inn8",
    "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://inn8:storage-password@localhost:1/dagster",
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def invoke(*arguments: str, without: str = "", **changed: str) -> Result:
    variables: dict[str, str | None] = {**SETTINGS, **changed}
    if without:
        variables[without] = None
    return CliRunner().invoke(main, arguments, env=variables, prog_name="inn8")


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        (["sync"], "INN8_BASE_URL"),
        (["sync"], "INN8_CLIENT_SECRET"),
        (["sync"], "INN8_DATABASE_URL"),
        (["sync", "clients"], "DAGSTER_POSTGRES_URL"),
        (["backfill", "transactions", "--from", "2026-03-01"], "INN8_CLIENT_ID"),
        (["log"], "INN8_DATABASE_URL"),
        (["db", "upgrade"], "INN8_DATABASE_URL"),
        (["db", "grant-reader", "anne"], "INN8_DATABASE_URL"),
        (["erase", "client", "C-1"], "INN8_DATABASE_URL"),
        (["rejects", "list"], "INN8_DATABASE_URL"),
        (["show", "client", "C-1"], "INN8_DATABASE_URL"),
    ],
)
def test_a_missing_setting_is_one_line_that_names_it_and_an_example(arguments: list[str], variable: str) -> None:
    refused = invoke(*arguments, without=variable)
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert f"{variable} is not set" in refused.stderr
    assert f"{variable}=" in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DAGSTER_POSTGRES_URL", "postgresql://inn8:storage-password@localhost/dagster"),
        ("DAGSTER_HOME", "not/absolute"),
        ("INN8_DATABASE_URL", "mysql://inn8:warehouse-password@localhost/inn8"),
        ("INN8_DATABASE_URL", "postgresql://inn8:an@warehouse:password@localhost:1/inn8"),
        ("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://inn8:a@warehouse:password@localhost:1/dagster"),
        ("INN8_LOOKBACK_DAYS", "ten"),
        ("INN8_BASE_URL", "api.inn8.example"),
        ("INN8_BASE_URL", '"https://api.inn8.example"'),
        ("INN8_BASE_URL", "https://api.inn8.example?key=password"),
        ("INN8_BASE_URL", "http://api.inn8.example"),
        ("INN8_CLIENT_SECRET", "pass\udcffword"),
        ("INN8_CA_FILE", "/nowhere/inn8.pem"),
    ],
)
def test_a_wrong_setting_is_one_line_without_its_value(variable: str, value: str) -> None:
    refused = invoke("sync", "clients", **{variable: value})
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert variable in refused.stderr
    assert "password" not in refused.stderr.replace("secret@", "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sync", "--to", "2026-03-01"], "--to needs --from"),
        (["sync", "--full", "--from", "2026-03-01"], "--full syncs all days"),
        (["sync", "clients", "--from", "2026-03-01"], "days of trade"),
        (["sync", "--from", "2026-03-02", "--to", "2026-03-01"], "is after"),
        (["sync", "--from", "2019-12-31", "--to", "2020-01-01"], "INN8_TRANSACTIONS_FROM"),
        (["sync", "--from", "2019-12-31"], "set INN8_TRANSACTIONS_FROM=2019-12-31 here and where the daemon and the "),
        (["sync", "--from", f"{datetime.now(UTC).date() + timedelta(days=2)}"], "is after"),
        (["sync", "--from", "2020-01-01", "--to", "9999-12-31"], "--to 9999-12-31 is after today, "),
        (["sync", "--from", "yesterday"], "is not a day"),
        (["sync", "securities"], "securities"),
        (["sync", "cleints"], "Did you mean 'clients'?"),
        (["show", "transation", "TX"], "Did you mean 'transaction'?"),
        (["show", "client", "C-1", "--as-of", "2026-03-31T17:00"], "is not an instant"),
        (["show", "client", "C-1", "--as-of", "9999-12-31"], "is not an instant"),
        (["show", "client", "C-1", "--as-of", "0001-01-01T00:00+02:00"], "is not an instant"),
        (["export", "clients", "--as-of", "9999-12-31T23:59-02:00", "c.csv"], "is not an instant"),
        (["alert", "mute", "--from", "9999-12-31T23:00+00:00", "--for", "2h", "--reason", "r"], "is not an instant"),
        (["alert", "mute", "--until", "9999-12-31 23:59", "--reason", "r"], "is not a time"),
        (["alert", "mute", "--until", "0001-01-01 00:00", "--reason", "r"], "is not a time"),
        (["sync", "--from", "0001-01-01", "--to", "9999-12-31"], "INN8_TRANSACTIONS_FROM"),
        (["backfill", "transactions", "--from", "0001-01-01"], "INN8_TRANSACTIONS_FROM"),
        (["snyc"], "Did you mean 'sync'?"),
        (["rejects", "lst"], "Did you mean 'list'?"),
        (["sync", "--ful"], "Did you mean '--full'?"),
        (["sandbox", "--delay", "nan"], "--delay"),
        (["sandbox", "--delay", "-1"], "--delay"),
        (["sandbox", "--port", "70000"], "--port"),
        (["sandbox", "--days", "99999999999"], "--days"),
        (["sandbox", "--pascal", "--like", "contract.toml"], "do not work with --like"),
        (["sandbox", "--clients", "0"], "clients if it has portfolios"),
        (["sandbox", "--last-date", "0001-01-01"], "are not all between the years"),
        (["backfill", "clients", "--from", "2026-03-01"], "clients"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(arguments: list[str], reason: str) -> None:
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert reason in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["sync", "--from", "2019-12-31"], "set INN8_TRANSACTIONS_FROM=2019-12-31 here and where the daemon and the"),
        (["sync", "--to", "2019"], "Error: Invalid value for '--to': '2019' is not a day. Write it as 2026-03-31."),
        (["show", "client", "C-1"], "Error: Postgres "),
    ],
)
def test_an_error_fits_a_terminal_of_80_columns(arguments: list[str], text: str) -> None:
    lines = Terminal(SETTINGS).screen(*arguments)
    assert max(map(len, lines)) <= 80
    assert text in " ".join(line.strip() for line in lines)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.com"])  # noqa: S104 (to be refused)
def test_dev_refuses_a_public_address(host: str, tmp_path: Path) -> None:
    # On a port that is taken, so that nothing would be served even if the address were not refused.
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        refused = invoke("dev", "--host", host, "--port", str(taken.getsockname()[1]))
    assert refused.exit_code == 2
    assert "--allow-public" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_dev_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = invoke("dev", "--port", str(port))
    assert refused.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_where_dagster_home_is_not_set_a_folder_of_ours_has_the_packaged_configuration(tmp_path: Path) -> None:
    home = dagster_home(Environment({}))
    assert home.is_relative_to(tmp_path)
    configuration = home / "dagster.yaml"
    assert configuration.read_bytes() == packaged("dagster.yaml").read_bytes()
    configuration.write_text("of another release")
    dagster_home(Environment({}))
    assert configuration.read_bytes() == packaged("dagster.yaml").read_bytes()


def test_a_dagster_home_that_is_set_is_left_as_it_is(tmp_path: Path) -> None:
    assert dagster_home(Environment({"DAGSTER_HOME": str(tmp_path)})) == tmp_path
    assert not list(tmp_path.iterdir())


def test_the_error_of_an_unreachable_storage_has_no_password() -> None:
    refused = invoke("sync", "clients")
    assert refused.exit_code == 1
    assert "Dagster's storage cannot be used" in refused.stderr
    assert "storage-password" not in refused.output


@pytest.mark.parametrize("name", ["client", "clients", "Clients"])
def test_an_entity_may_be_named_in_the_singular_and_in_the_plural(name: str) -> None:
    assert ENTITY.convert(name, None, None) is CLIENTS
    assert ENTITY_OF_RECORD.convert(name, None, None) is CLIENTS


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("inn8 sy", "sync"), ("inn8 sync cl", "clients"), ("inn8 sync --ful", "--full"), ("inn8 rejects acc", "accept")],
)
def test_the_shell_completes_commands_options_and_entities(typed: str, offered: str) -> None:
    variables = {"_INN8_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    assert f"plain,{offered}" in invoke(**variables).stdout.splitlines()


@pytest.mark.parametrize("content", [b"- a", b"a: [", b"storage: 7", b"nonsense: password", b"\xff"])
def test_a_dagster_yaml_that_cannot_be_loaded_is_a_setting_that_is_wrong(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes(content)
    refused = invoke("sync", "clients", DAGSTER_HOME=str(tmp_path))
    assert refused.exit_code == 2, refused
    assert "DAGSTER_HOME names a folder whose dagster.yaml cannot be " in refused.stderr
    assert "password" not in refused.stderr


def test_a_wrong_contract_file_is_refused_before_a_run_starts(tmp_path: Path) -> None:
    file = tmp_path / "contract.toml"
    file.write_text("[paging]\nstyle = 'pages'\n")
    for arguments in (["sync"], ["contract", "show"]):
        refused = invoke(*arguments, INN8_CONTRACT_FILE=str(file))
        assert refused.exit_code == 2
        assert "line 2 is wrong: paging.style must be one of link," in refused.stderr


def test_the_contract_in_force_is_printed_as_a_contract_file(tmp_path: Path) -> None:
    file, printed = tmp_path / "contract.toml", tmp_path / "printed.toml"
    file.write_text("[collections.clients.properties]\nphoneNumber = 'mobile'\n")
    shown = invoke("contract", "show", INN8_CONTRACT_FILE=str(file))
    assert shown.exit_code == 0
    assert '"phoneNumber" = ["mobile"]' in shown.stdout
    printed.write_text(shown.stdout)
    assert invoke("contract", "show", INN8_CONTRACT_FILE=str(printed)).stdout == shown.stdout
