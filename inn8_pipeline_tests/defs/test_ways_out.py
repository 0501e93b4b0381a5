"""The way out that the message of an error names is taken, and the next sync succeeds.

`TESTS` names the test of each error. Where the way out is a command, the test is beside those of that command.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy

from inn8_pipeline import errors
from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.defs.sync_log import failures
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS
from inn8_pipeline.errors import Inn8Error, LoginError, SettingsError, UnknownEntityError
from inn8_pipeline.settings import Environment, read_api, read_executor, read_retention, read_sync, read_tenant
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.schema import access, migrations
from inn8_pipeline_tests.cli import test_poolers
from inn8_pipeline_tests.cli.commands import (
    test_doctor,
    test_erase,
    test_heal_clock,
    test_roles,
    test_sync_failures,
    test_sync_limits,
)
from inn8_pipeline_tests.contract.test_whole_syncs import STYLES
from inn8_pipeline_tests.defs import expected_rows, test_open_circuits, test_tenants
from inn8_pipeline_tests.defs.alerting import test_heartbeat
from inn8_pipeline_tests.defs.pipelines import Pipeline
from inn8_pipeline_tests.warehouse.erasure import test_steps
from inn8_pipeline_tests.warehouse.logins import administer
from inn8_pipeline_tests.warehouse.merge import test_processes
from inn8_pipeline_tests.warehouse.schema import test_owners

WRONG = {
    "INN8_BASE_URL": "ftp://inn8.example",
    "INN8_PAGE_SIZE": "many",
    "INN8_PAGES_AT_A_TIME": "0",
    "INN8_TRANSACTIONS_FROM": "31/03/2026",
    "INN8_TIMEZONE": "Johannesburg",
    "INN8_TICK_MINUTES": "7",
    "INN8_MAX_CHANGED_PERCENT": "101",
    "INN8_KEEP_LANDINGS_DAYS": "never",
    "INN8_ALLOW_HTTP": "perhaps",
    "INN8_EXECUTOR": "spark",
}
"""A wrong value of each kind of setting."""


def failed(pipeline: Pipeline, *, only: list[str] | None = None) -> str:
    """Sync clients, which must fail; return the message in the sync log."""
    run = pipeline.run(CLIENTS, only=only)
    assert not run.success
    message: str = pipeline.entry(CLIENTS, run.run_id).metadata["error_message"]
    return message


def is_in(pipeline: Pipeline) -> bool:
    """Sync clients; return whether the table then equals INN8's data."""
    return pipeline.run(CLIENTS).success and (
        expected_rows.tables(pipeline)["clients"] == expected_rows.of(pipeline.world)["clients"]
    )


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry a failed step of Dagster at once."""
    monkeypatch.setattr(failures, "RETRY_WAITS_SECONDS", (0.01, 0.01))


@pytest.mark.parametrize("name", WRONG)
def test_a_setting_with_the_value_of_the_example_is_read(name: str) -> None:
    right = {
        "INN8_BASE_URL": "https://inn8.example", "INN8_CLIENT_ID": "a", "INN8_CLIENT_SECRET": "b",
        "INN8_TRANSACTIONS_FROM": "2026-01-01",
    }  # fmt: skip
    with pytest.raises(SettingsError) as caught:
        read_all(Environment({**right, name: WRONG[name]}))
    variable, _, example = str(caught.value).rpartition("for example: ")[2].partition("=")
    assert variable == name
    read_all(Environment({**right, variable: example}))


def read_all(environment: Environment) -> None:
    read_tenant(environment, "default")
    for read in (read_api, read_sync, read_retention, read_executor):
        read(environment)


def test_a_contract_file_without_the_line_that_the_message_names_is_read(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["[collections.clients]", 'path = "/clients"', "pagination = 3"]
    file = tmp_path / "contract.toml"
    file.write_text("\n".join(lines))
    monkeypatch.setenv("INN8_CONTRACT_FILE", str(file))
    assert "where line 3 is wrong" in failed(pipeline)
    file.write_text("\n".join(lines[:2]))
    assert is_in(pipeline)


def test_the_entities_that_the_message_names_are_known() -> None:
    with pytest.raises(UnknownEntityError) as caught:
        ENTITIES.named("client5")
    listed = str(caught.value).partition("The entities are ")[2].partition(";")[0]
    assert [ENTITIES.named(name) for name in listed.split(", ")] == list(ENTITIES)


def test_a_run_without_days_succeeds_with_days(pipeline: Pipeline) -> None:
    assert pipeline.run_all()[TRANSACTIONS].success
    run = pipeline.run(TRANSACTIONS, tags={})
    assert "Launch the run again with a partition" in pipeline.entry(TRANSACTIONS, run.run_id).description
    assert pipeline.run(TRANSACTIONS).success


def test_the_next_sync_succeeds_when_inn8_is_up_again(pipeline: Pipeline) -> None:
    pipeline.server.faults.add("status", "clients", status=503, times=4)
    assert "rerun a manual sync" in failed(pipeline)
    assert is_in(pipeline)


def test_a_refused_request_succeeds_at_the_right_address(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INN8_BASE_URL", f"{pipeline.server.base_url}/v9")
    assert "Check INN8_BASE_URL" in failed(pipeline)
    monkeypatch.setenv("INN8_BASE_URL", pipeline.server.base_url)
    assert is_in(pipeline)


def test_a_server_that_differs_is_read_once_the_contract_file_says_how(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = STYLES["cursor"]
    pipeline.server.app.dialects.update(dialects_of(parse(lines, ENTITIES)))
    assert "say so in the contract file (INN8_CONTRACT_FILE" in failed(pipeline)
    file = tmp_path / "contract.toml"
    file.write_text(lines)
    monkeypatch.setenv("INN8_CONTRACT_FILE", str(file))
    assert is_in(pipeline)


@pytest.mark.usefixtures("impatient")
def test_a_sync_succeeds_when_postgres_can_be_reached(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Environment().read("INN8_DATABASE_URL", "")
    monkeypatch.setenv("INN8_DATABASE_URL", "postgresql+psycopg://inn8@127.0.0.1:1/inn8")
    assert "Check INN8_DATABASE_URL" in failed(pipeline)
    monkeypatch.setenv("INN8_DATABASE_URL", right)
    assert is_in(pipeline)


def test_a_database_that_is_made_as_the_message_says_can_be_upgraded(empty_database: str) -> None:
    names = ("in_latin1", "in_utf8")
    latin, utf = (
        sqlalchemy.make_url(empty_database).set(database=name).render_as_string(hide_password=False) for name in names
    )
    made = "create database {} encoding '{}' locale_provider libc locale 'C' template template0"
    try:
        administer(empty_database, *(made.format(*each) for each in zip(names, ("LATIN1", "UTF8"), strict=True)))
        with pytest.raises(errors.UnsuitableDatabaseError, match="createdb --encoding=UTF8 --template=template0"):
            migrations.upgrade(database.connect(latin))
        assert migrations.upgrade(database.connect(utf)) == migrations.SCHEMA_VERSION
    finally:
        administer(empty_database, *(f"drop database if exists {name}" for name in names))


def test_a_login_that_is_created_is_granted_the_right(warehouse_url: str) -> None:
    # Roles are those of the whole server, where other tests run.
    engine, login = database.connect(warehouse_url), f"login_{uuid4().hex[:12]}"
    with pytest.raises(LoginError, match="Name another login, or create one"):
        access.grant_reader(engine, login, "t1")
    administer(warehouse_url, f"create role {login} login")
    try:
        access.grant_reader(engine, login, "t1")
    finally:
        administer(warehouse_url, f"drop owned by {login}", f"drop role {login}")


def test_a_rebuild_succeeds_after_the_fetch_that_its_message_names(pipeline: Pipeline) -> None:
    assert "Materialize raw_clients first" in failed(pipeline, only=["clients"])
    assert pipeline.run(CLIENTS, only=["raw_clients"]).success
    assert pipeline.run(CLIENTS, only=["clients"]).success


def test_each_error_has_a_test_that_takes_its_way_out() -> None:
    groups = {errors.ApiError, errors.WarehouseError}
    to_be_reported = {errors.ReconciliationError}
    assert TESTS.keys() | groups | to_be_reported == set(all_errors())


def all_errors(of: type[Inn8Error] = Inn8Error) -> Iterator[type[Inn8Error]]:
    for each in of.__subclasses__():
        if each.__module__.startswith(errors.__name__):
            yield each
            yield from all_errors(each)


TESTS = {
    errors.CircuitOpenError: test_open_circuits.test_a_backfill_waits_for_an_open_circuit_and_a_tick_does_not,
    errors.CollectorError: test_doctor.test_a_collector_is_asked_whether_it_accepts_spans_and_does_once_it_runs,
    errors.ContractError: test_a_server_that_differs_is_read_once_the_contract_file_says_how,
    errors.ContractFileError: test_a_contract_file_without_the_line_that_the_message_names_is_read,
    errors.CredentialsError: test_tenants.test_a_wrong_secret_is_corrected_in_the_variable_that_the_message_names,
    errors.DatabaseError: (
        test_processes.test_a_connection_that_is_cut_in_the_middle_is_a_clear_error_and_undoes_the_merge
    ),
    errors.FutureLandingError: test_heal_clock.test_the_command_that_the_error_names_lets_syncs_go_on,
    errors.LandingMissingError: test_a_rebuild_succeeds_after_the_fetch_that_its_message_names,
    errors.LoginError: test_a_login_that_is_created_is_granted_the_right,
    errors.MassChangeError: (
        test_sync_limits.test_a_mass_change_fails_and_the_command_that_its_message_names_lets_it_through
    ),
    errors.MissingRolesError: (
        test_owners.test_an_owner_that_may_not_create_roles_upgrades_after_the_printed_statements
    ),
    errors.NoDaysError: test_a_run_without_days_succeeds_with_days,
    errors.NotifyError: test_heartbeat.test_a_heartbeat_is_sent_to_the_address_of_the_variable_that_the_error_names,
    errors.NotOwnerError: test_roles.test_the_owners_url_is_used_if_it_is_set,
    errors.NotVacuumedError: test_steps.test_the_erasure_stands_if_only_the_vacuum_fails,
    errors.PoolerError: test_poolers.test_a_whole_sync_runs_through_a_pooler_and_the_doctor_finds_nothing_wrong,
    errors.RefusedRequestError: test_a_refused_request_succeeds_at_the_right_address,
    errors.SchemaVersionError: test_sync_failures.test_a_warehouse_without_tables_fails_until_it_is_upgraded,
    errors.SettingsError: test_a_setting_with_the_value_of_the_example_is_read,
    errors.StillSentError: test_erase.test_a_client_is_erased_only_with_yes_and_once_inn8_no_longer_sends_it,
    errors.SyncLockedError: test_processes.test_a_sync_that_waits_for_longer_than_the_bound_fails_and_says_so,
    errors.TooManyRejectsError: (
        test_sync_limits.test_too_many_rejects_fail_and_the_command_that_their_message_names_stores_them
    ),
    errors.TransientApiError: test_the_next_sync_succeeds_when_inn8_is_up_again,
    errors.UnknownEntityError: test_the_entities_that_the_message_names_are_known,
    errors.UnreachableDatabaseError: test_a_sync_succeeds_when_postgres_can_be_reached,
    errors.UnsuitableDatabaseError: test_a_database_that_is_made_as_the_message_says_can_be_upgraded,
}
