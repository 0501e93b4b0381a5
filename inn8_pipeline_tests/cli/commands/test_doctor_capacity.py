"""`inn8 doctor` names a queue that does not move, a run over its time limit, a full disk and used-up connections."""

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.remote_origin import RemoteInstigatorOrigin

from inn8_pipeline.defs.instance import capacity as of_runs
from inn8_pipeline.defs.instance.capacity import CapacityError
from inn8_pipeline.defs.instance.internals import (
    SINGLETON_REPOSITORY_NAME,
    InstigatorType,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from inn8_pipeline.defs.instance.late_internals import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    location_origins_from_yaml_paths,
)
from inn8_pipeline.defs.watching.storage_capacity import used_connections
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.settings import Environment, now, read_tenant_ids
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline_tests.cli.conftest import Place, Terminal
from inn8_pipeline_tests.daemons import configure, until

ROOT = Path(__file__).parents[3]


@dg.op
def sync() -> None:
    """Stand for the steps of a sync, which this module never runs."""


@dg.job
def clients_sync() -> None:
    """Stand for the job of that name."""
    sync()


@dg.job
def inn8_maintenance() -> None:
    """Stand for the job of that name."""
    sync()


@pytest.fixture
def terminal(place: Place, data_folder: Path) -> Terminal:
    """Return the terminal with a DAGSTER_HOME that the test knows."""
    home = data_folder / "dagster"
    home.mkdir()
    configure(home)
    return place.terminal.but(DAGSTER_HOME=str(home))


def failed(terminal: Terminal) -> dict[str, str]:
    found = json.loads(terminal.ask("doctor", "--json").stdout)
    return {each["check"]: each["message"] for each in found if not each["is_ok"]}


def store_run(  # noqa: PLR0913, PLR0917 (the parts of a run)
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    storage_url: str,
    status: dg.DagsterRunStatus,
    ago: str,
    job: dg.JobDefinition = clients_sync,
) -> None:
    """Store a run with this status that was created and started so long ago."""
    for name, value in terminal.variables.items():
        monkeypatch.setenv(name, value)
    (location,) = location_origins_from_yaml_paths([str(ROOT / "workspace.yaml")])
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            job,
            status=status,
            remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name),
        )
    moved = """
        update runs set create_timestamp = now() - :ago ::interval, update_timestamp = now() - :ago ::interval,
            start_time = case when status = 'STARTED' then extract(epoch from now() - :ago ::interval) end
        where run_id = :run_id
    """
    engine = sqlalchemy.create_engine(storage_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(moved), {"ago": ago, "run_id": run.run_id})
    engine.dispose()


def test_a_queue_that_does_not_move_is_noticed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, storage_url: str
) -> None:
    store_run(terminal, monkeypatch, storage_url, dg.DagsterRunStatus.QUEUED, ago="36 minutes")
    found = failed(terminal)
    assert list(found) == ["runs"]
    assert found["runs"].startswith("1 runs are queued, the oldest since ")
    assert "Restart `dagster-daemon run`" in found["runs"]


def test_a_run_that_waits_behind_another_one_is_well(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, storage_url: str
) -> None:
    store_run(terminal, monkeypatch, storage_url, dg.DagsterRunStatus.QUEUED, ago="36 minutes")
    store_run(terminal, monkeypatch, storage_url, dg.DagsterRunStatus.STARTED, ago="36 minutes")
    assert failed(terminal) == {}


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
def test_a_run_that_nobody_ended_at_its_time_limit_is_noticed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, storage_url: str, status: dg.DagsterRunStatus
) -> None:
    store_run(terminal, monkeypatch, storage_url, status, ago="136 minutes")
    found = failed(terminal)
    assert list(found) == ["runs"]
    assert "(clients_sync) has exceeded its time limit: the syncs behind it wait." in found["runs"]


def test_a_disk_that_is_nearly_full_is_noticed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_runs, "free_bytes", lambda _: 1_900_000_000)
    found = failed(terminal)
    assert list(found) == ["disk"]
    assert found["disk"].startswith("Only 1.9 GB are free on the disk of DAGSTER_HOME: when it is full, runs fail")
    monkeypatch.setattr(of_runs, "free_bytes", lambda _: 2_000_000_000)
    assert of_runs.check_disk(Path()).startswith("2.0 GB are free")


def test_a_server_whose_connections_are_nearly_used_up_is_noticed(data_folder: Path) -> None:
    def used(connection: sqlalchemy.Connection) -> str:
        # Within a transaction, Postgres repeats its first answer.
        connection.rollback()
        return used_connections(connection, "INN8_DATABASE_URL")

    with EmbeddedPostgres(data_folder / "postgres", durable=False) as server, ExitStack() as opened:
        engine = connect(server.url("postgres"))
        connection = opened.enter_context(engine.connect())
        # The connection that created the database may end a moment later.
        until(lambda: used(connection).startswith("1 of 197 connections"))
        for _ in range(178):
            opened.enter_context(engine.connect())
        with pytest.raises(CapacityError, match="179 of 197 connections of the server of INN8_DATABASE_URL"):
            used(connection)


def test_runs_that_no_maintenance_deletes_are_noticed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, storage_url: str
) -> None:
    store_run(terminal, monkeypatch, storage_url, dg.DagsterRunStatus.SUCCESS, ago="39 days")
    found = failed(terminal)
    assert list(found) == ["Dagster's tables"]
    assert found["Dagster's tables"].startswith("Runs older than INN8_KEEP_RUNS_DAYS (30 days) are not deleted, ")
    assert "Launch the job inn8_maintenance in the Dagster UI" in found["Dagster's tables"]
    assert failed(terminal.but(INN8_KEEP_RUNS_DAYS="60")) == {}
    success = dg.DagsterRunStatus.SUCCESS
    store_run(terminal, monkeypatch, storage_url, success, ago="1 day", job=inn8_maintenance)
    assert failed(terminal) == {}  # the maintenance works; Dagster keeps that run for another reason


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_a_heartbeat_that_is_no_longer_sent_is_noticed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in terminal.variables.items():
        monkeypatch.setenv(name, value)
    (location,) = location_origins_from_yaml_paths([str(ROOT / "workspace.yaml")])
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), "heartbeat")
    sent_at = (now() - timedelta(minutes=50)).isoformat()
    tenant_id = read_tenant_ids(Environment())[0]
    with dg.DagsterInstance.get() as instance:
        data = SensorInstigatorData(cursor=json.dumps({tenant_id: sent_at}))
        instance.add_instigator_state(
            InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
        )
    url = "http://127.0.0.1:1/a-secret"
    found = failed(terminal.but(INN8_HEARTBEAT_URL=url))
    assert list(found) == ["the heartbeat"]
    assert found["the heartbeat"].startswith(f"The heartbeat was last sent for the tick of {tenant_id} ")
    assert " SAST, " in found["the heartbeat"]
    assert failed(terminal.but(INN8_HEARTBEAT_URL=url, INN8_TICK_MINUTES="30")) == {}
