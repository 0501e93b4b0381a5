"""A backfill on Celery, whose two workers are on hosts of their own, completes exactly although one loses its network.

The hosts are network namespaces, which only root can create. It takes minutes: `make test-celery`.
"""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from celery import Celery

from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN
from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline.sandbox.api import server as sandbox
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.settings import Environment, read_celery
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.conftest import NewDatabase
from inn8_pipeline_tests.daemons import configure, until
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.engines import processes
from inn8_pipeline_tests.defs.engines.deployment import COMMITTED, GO_ON, WORKERS, Deployment, deployed
from inn8_pipeline_tests.defs.engines.hosts import Network
from inn8_pipeline_tests.defs.engines.test_celery import (
    HASTY,
    LONG,
    STEPS,
    expect_the_end,
    fetching_slowly,
)

pytestmark = [
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server"),
    # Dagster asks itself for it.
    pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated"),
]

TIMEOUTS = "connect_timeout=10&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=60000"
"""What `dagster.yaml` says to append to DAGSTER_POSTGRES_URL for the server of another machine."""

PAUSING = "inn8_pipeline_tests.defs.engines.pausing_after_merge"
VERSIONS = "select xmin::text, external_id, created_at from inn8.transactions order by external_id"
LOGGED = "select status, inserted, updated, unchanged, merged_at from inn8.sync_log where entity = 'transactions'"

Deploy = Callable[..., Deployment]


@pytest.fixture
def new_database(network: Network, postgres_on_network: tuple[EmbeddedPostgres, str]) -> NewDatabase:
    """Create databases on that server instead of the one of all tests."""
    server, password = postgres_on_network

    @contextmanager
    def new(template: str) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        server.ensure_database(name, template)
        try:
            yield f"postgresql+psycopg://postgres:{password}@{network.address}:5432/{name}"
        finally:
            server.drop_database(name)

    return new


@pytest.fixture
def migrated_template(postgres_on_network: tuple[EmbeddedPostgres, str]) -> str:
    """Return the name of a database with the newest schema on that server."""
    engine = sqlalchemy.create_engine(postgres_on_network[0].url("migrated"))
    migrations.upgrade(engine)
    engine.dispose()
    return "migrated"


@pytest.fixture
def storage_template() -> str:
    """Return the name of an empty database, in which Dagster creates its schema."""
    return "template0"


@pytest.fixture
def deploy(
    network: Network, new_pipeline: NewPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deploy]:
    """Return a function that deploys the test's pipeline with one worker on each host."""
    monkeypatch.setattr(sandbox, "LOOPBACK", network.address)
    monkeypatch.setenv("INN8_ALLOW_HTTP", "true")
    with ExitStack() as stack:

        def new(days: int, application: str, max_runtime: int) -> Deployment:
            pipeline = new_pipeline(days=days, transactions=16 * days)
            monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"{pipeline.storage_url}?{TIMEOUTS}")
            for host in network.hosts.values():
                (host.folder / "dagster").mkdir()
                configure(host.folder / "dagster")
            on_hosts = {name: host.prefix for name, host in network.hosts.items()}
            entered = deployed(pipeline, tmp_path, monkeypatch, application, max_runtime, network.address, on_hosts)
            return stack.enter_context(entered)

        yield new


def test_a_step_whose_host_is_cut_off_for_minutes_is_done_by_the_other_one_in_the_same_run(
    deploy: Deploy, network: Network
) -> None:
    deployment = deploy(MAX_DAYS_PER_RUN, HASTY, max_runtime=LONG)
    deployment.backfill()
    run_id, first = fetching_slowly(deployment, LONG)
    network.hosts[first].unplug()
    (second,) = {*WORKERS} - {first}
    # Postgres notices it after a minute, and releases the lock of the step. Then both execute the step.
    until(lambda: deployment.takes(run_id)[-1][1] == second, LONG)
    network.hosts[first].plug()
    expect_the_end(deployment)
    until(lambda: idle_workers() == sorted(WORKERS), LONG)

    pipeline = deployment.pipeline
    assert expected_rows.tables(pipeline) == expected_rows.of(pipeline.world)
    raw, merge, *checks = STEPS
    assert [run.run_id for run in deployment.runs] == [run_id]
    assert deployment.takes(run_id)[:2] == [(raw, first), (raw, second)]
    steps = [step for step, _ in deployment.takes(run_id)[2:]]
    # The checks may be executed at the same time.
    assert (steps[0], sorted(steps[1:])) == (merge, sorted(checks))
    expect_the_log(deployment, {run_id: "Success"})


def test_a_merge_that_is_committed_before_its_host_is_cut_off_is_repeated_and_changes_nothing(
    deploy: Deploy, network: Network
) -> None:
    deployment = deploy(MAX_DAYS_PER_RUN, PAUSING, max_runtime=LONG)
    pipeline = deployment.pipeline
    deployment.backfill()
    first = until(lambda: committed_on(network), LONG)
    (run_id,) = (run.run_id for run in deployment.runs)
    assert expected_rows.tables(pipeline) == expected_rows.of(pipeline.world)
    written = pipeline.rows(VERSIONS)
    network.hosts[first].unplug()
    # The first worker goes on to log that the step has succeeded, which does not get through.
    for host in network.hosts.values():
        (host.folder / "work" / GO_ON).touch()
    (second,) = {*WORKERS} - {first}
    raw, merge, *checks = STEPS
    until(lambda: (merge, second) in deployment.takes(run_id), LONG)
    network.hosts[first].plug()
    expect_the_end(deployment)
    until(lambda: idle_workers() == sorted(WORKERS), LONG)

    assert pipeline.rows(VERSIONS) == written
    assert [run.run_id for run in deployment.runs] == [run_id]
    taken = [step for step, _ in deployment.takes(run_id)]
    assert (taken[:3], sorted(taken[3:])) == ([raw, merge, merge], sorted(checks))
    expect_the_log(deployment, {run_id: "Success"})
    # One row for both merges, with the counts of the second one, which found every record in the table.
    (logged,) = pipeline.rows(LOGGED)
    merged_at, again_at = logged.merged_at
    assert {row.created_at for row in written} == {merged_at}
    assert merged_at < again_at
    assert (logged.status, logged.inserted, logged.updated) == ("Success", 0, 0)
    assert logged.unchanged == len(written)
    assert pipeline.rows("select from inn8.transaction_history where valid_to is not null") == []


def test_a_worker_that_waits_for_the_answer_of_a_redis_that_is_gone_works_again(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells it: it has nothing to send, and the end of the connection was lost with the network."""
    url = processes.new_redis_url(network.address)
    for name in ("INN8_CELERY_BROKER", "INN8_CELERY_BACKEND"):
        monkeypatch.setenv(name, f"{url}/0")
    name, host = next(iter(network.hosts.items()))
    with ExitStack() as stack:
        gone = stack.enter_context(processes.redis_at(tmp_path, url))
        stack.enter_context(processes.worker(tmp_path, name, HASTY, host.prefix))
        gone.suspend()
        # It sends a heartbeat every two seconds, and then waits.
        time.sleep(5)
        host.unplug()
        gone.kill()
        gone.wait()
        stack.enter_context(processes.redis_at(tmp_path, url))
        host.plug()
        with Celery(broker=f"{url}/0") as queue:
            queue.send_task("celery.accumulate", queue="dagster")
        until(lambda: "Task celery.accumulate" in (tmp_path / f"{name}.log").read_text(encoding="utf-8"))
        until(lambda: idle_workers() == [name])


def committed_on(network: Network) -> str | None:
    """Return the host whose worker has committed a merge."""
    found = [name for name, host in network.hosts.items() if (host.folder / "work" / COMMITTED).exists()]
    return found[0] if found else None


def idle_workers() -> list[str]:
    """Return the workers that answer and execute nothing."""
    with Celery(broker=read_celery(Environment()).broker) as queue:
        active = queue.control.inspect(timeout=5).active() or {}
    return sorted(name.partition("@")[0] for name, tasks in active.items() if not tasks)


def expect_the_log(deployment: Deployment, statuses: dict[str, str]) -> None:
    """Assert that each run has one entry for itself and one for each of its days, with this status.

    The runs of a tick are in the log too: they are planned, and wait for ever.
    """
    until(lambda: {entry.run_id for entry in deployment.pipeline.log(TRANSACTIONS)} >= {*statuses}, LONG)
    for run_id, status in statuses.items():
        logged = [entry.status for entry in deployment.pipeline.log(TRANSACTIONS, run_id)]
        assert logged == [status] * (MAX_DAYS_PER_RUN + 1)
