"""`inn8 erase --yes` is a run in Dagster's storage; without the storage it erases all the same, and says so."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy

from inn8_pipeline.defs import names
from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.warehouse import database, locks
from inn8_pipeline_tests.cli.conftest import TENANT, Place, Terminal, count
from inn8_pipeline_tests.daemons import configure, until

CLIENT = "CL-000001"
ERASE = ("erase", "client", CLIENT, "--yes", "--still-sent")
LONG_AGO = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def home(place: Place) -> Path:
    folder = Path(place.terminal.variables["XDG_DATA_HOME"]) / "home"
    folder.mkdir()
    configure(folder)
    return folder


@pytest.fixture
def terminal(place: Place, home: Path) -> Terminal:
    """Return the terminal, once the clients are synced."""
    found = place.terminal.but(DAGSTER_HOME=str(home))
    assert found.run("sync", "clients").returncode == 0
    return found


@pytest.fixture
def instance(terminal: Terminal, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DAGSTER_POSTGRES_URL", "INN8_DATABASE_URL", "INN8_TENANT_ID"):
        monkeypatch.setenv(name, terminal.variables[name])
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def run_of(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    found = instance.get_runs(dg.RunsFilter(job_name=names.ERASE_JOB))
    return found[0] if found else None


def lines_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    return [each.user_message for each in instance.all_logs(run.run_id)]


def text_of(url: str) -> str:
    """Return every row of every table of Dagster's storage."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        tables = connection.execute(
            sqlalchemy.text("select tablename from pg_tables where schemaname = 'public'")
        ).all()
        rows = [
            row for (table,) in tables for row in connection.scalars(sqlalchemy.text(f"select t::text from {table} t"))
        ]
    engine.dispose()
    return "\n".join(rows)


def erased(place: Place) -> bool:
    return count(place.warehouse_url, f"inn8.clients where external_id = '{CLIENT}'") == 0


@pytest.mark.slow
def test_an_erasure_is_a_run_with_its_phases_and_counts_and_without_the_clients_id(
    place: Place, terminal: Terminal, instance: dg.DagsterInstance, storage_url: str
) -> None:
    preview = terminal.run("erase", "client", CLIENT)
    assert preview.stdout.startswith("This would be erased:"), preview
    assert run_of(instance) is None
    done = terminal.run(*ERASE)
    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (0, "Erased:", ""), done
    run = run_of(instance)
    assert run is not None
    assert (run.status, run.tags[names.TENANT_TAG]) == (dg.DagsterRunStatus.SUCCESS, TENANT)
    assert {"Looking through the stored pages.", "Deleting.", "Vacuuming the tables."} <= set(lines_of(instance, run))
    assert CLIENT not in text_of(storage_url)
    assert erased(place)


@pytest.mark.slow
def test_without_dagsters_storage_the_client_is_erased_all_the_same_and_the_command_says_so(
    place: Place, terminal: Terminal
) -> None:
    away = terminal.but(DAGSTER_POSTGRES_URL="postgresql+psycopg2://inn8@127.0.0.1:1/dagster").run(*ERASE)
    assert (away.returncode, away.stdout.splitlines()[0]) == (0, "Erased:"), away
    assert away.stderr == "The Dagster UI does not show this erasure, or not its end (OperationalError).\n"
    assert erased(place)
    nowhere = terminal.but(DAGSTER_POSTGRES_URL="").run(*ERASE)
    assert nowhere.stdout == "No data of this client is stored.\n"
    assert "The Dagster UI does not show this erasure, or not its end (DAGSTER_POSTGRES_URL" in nowhere.stderr


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Hold the locks of a fetch and of all merges, as if syncs were in progress."""
    with database.transaction(database.connect(place.warehouse_url), "testing") as connection:
        locks.take_all(connection, TENANT, 10)
        yield


@pytest.mark.slow
def test_a_storage_that_is_lost_meanwhile_does_not_end_the_erasure(
    place: Place, terminal: Terminal, instance: dg.DagsterInstance, storage_url: str
) -> None:
    engine = sqlalchemy.create_engine(storage_url)
    with held(place):
        process = terminal.start(*ERASE)
        run = until(lambda: run_of(instance))
        until(lambda: "Waiting for syncs to end." in lines_of(instance, run))
        with engine.begin() as connection:
            connection.exec_driver_sql("alter table event_logs rename to lost")
    with process:
        output, errors = process.communicate(timeout=120)
    engine.dispose()
    assert (process.returncode, output.splitlines()[0]) == (0, "Erased:"), errors
    assert errors == "The Dagster UI does not show this erasure, or not its end (UndefinedTable).\n"
    assert erased(place)


@pytest.mark.slow
def test_an_erasure_that_is_interrupted_or_killed_erases_nothing_and_its_run_ends(
    place: Place, terminal: Terminal, instance: dg.DagsterInstance
) -> None:
    with held(place):
        with terminal.start(*ERASE) as process:
            first = until(lambda: run_of(instance))
            until(lambda: "Waiting for syncs to end." in lines_of(instance, first))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert errors.startswith("Interrupted: all or nothing was erased. The same command without --yes shows")
        with terminal.start(*ERASE) as process:
            run = until(lambda: (found := run_of(instance)) and found.run_id != first.run_id and found)
            until(lambda: "Waiting for syncs to end." in lines_of(instance, run))
            process.kill()
            process.communicate()
    assert not erased(place)
    assert instance.get_run_by_id(first.run_id).is_finished  # type: ignore[union-attr]
    until(lambda: killed_runs.end_dead_runs(instance, {})[0])
    _, (message,) = killed_runs.end_dead_runs(instance, {run.run_id: LONG_AGO})
    assert message.endswith(
        "An erasure is one transaction, so all or nothing was erased: `inn8 erase client ID` without --yes shows which."
    )
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
