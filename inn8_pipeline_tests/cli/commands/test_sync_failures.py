"""A sync without tables, one that a signal ends, and one whose log cannot be written."""

import json
import signal
import time

import pytest
import sqlalchemy

from inn8_pipeline_tests.cli.conftest import Place
from inn8_pipeline_tests.conftest import NewDatabase


@pytest.mark.slow
def test_a_warehouse_without_tables_fails_until_it_is_upgraded(place: Place, new_database: NewDatabase) -> None:
    with new_database("template0") as empty:
        terminal = place.terminal.but(INN8_DATABASE_URL=empty)
        failed = terminal.run("sync", "clients")
        assert failed.returncode == 1
        assert "inn8 db upgrade" in failed.stderr
        doctor = terminal.ask("doctor")
        assert doctor.exit_code == 1
        assert "FAIL database" in doctor.stdout
        upgraded = terminal.ask("db", "upgrade")
        assert (upgraded.exit_code, "was empty" in upgraded.stdout) == (0, True), upgraded
        assert terminal.run("sync", "clients").returncode == 0
        doctor = terminal.ask("doctor", "--json")
        assert (doctor.exit_code, all(each["is_ok"] for each in json.loads(doctor.stdout))) == (0, True), doctor.stdout


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_sync_that_is_ended_by_a_signal_is_logged_as_failed(place: Place, end: signal.Signals) -> None:
    place.server.faults.add("delay", "clients", seconds=60, times=None)
    with place.terminal.start("sync") as process:
        ends_at = time.monotonic() + 30
        while not place.server.stats.requests["/clients"] and time.monotonic() < ends_at:
            time.sleep(0.05)
        process.send_signal(end)
        try:
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "Traceback" not in errors
    logged = json.loads(place.terminal.ask("log", "--json").stdout)
    assert [(each["entity"], each["status"]) for each in logged] == [("clients", "Failed")]


@pytest.mark.slow
def test_where_dagsters_storage_cannot_be_written_standard_error_and_the_exit_code_say_so(
    place: Place, storage_url: str
) -> None:
    assert place.terminal.run("sync", "clients").returncode == 0
    engine = sqlalchemy.create_engine(storage_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"alter database {engine.url.database} set default_transaction_read_only = on")
        connection.commit()
    engine.dispose()
    refused = place.terminal.run("sync", "clients")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Dagster's storage cannot be used (ReadOnlySqlTransaction)" in refused.stderr
    assert "Traceback" not in refused.stderr
