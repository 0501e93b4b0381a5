"""Backfills of 100 days under a real daemon that is killed, or finds a broken setting or no tenant: they end rightly.

They take minutes: `make test-backfills`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import sqlalchemy
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus

from inn8_pipeline.defs import names
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.daemons import UNSCHEDULED, configure, until
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.engines import processes
from inn8_pipeline_tests.defs.engines.deployment import Deployment
from inn8_pipeline_tests.defs.pipelines import TENANT

# Dagster asks itself for it.
pytestmark = pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated")

DAYS = 100
RUNS = -(-DAYS // MAX_DAYS_PER_RUN)
LONG = 420
ATTEMPTS = 4
"""How often the daemon is seen to try a queued run while a setting is broken."""
SUCCESS = "select count(*) from inn8.sync_log where entity = 'transactions' and status = 'Success'"


@pytest.fixture
def days() -> int:
    """Return how many days INN8 has; a test may ask for more."""
    return DAYS


@pytest.fixture
def deployment(new_pipeline: NewPipeline, tmp_path: Path, days: int) -> Deployment:
    """Return a pipeline with clients and portfolios in, whose daemon looks after runs every second."""
    pipeline = new_pipeline(days=days, transactions=8 * days)
    for entity in (CLIENTS, PORTFOLIOS):
        assert pipeline.run(entity).success
    configure(pipeline.home, poll_interval_seconds=1, user_code_failure_retry_delay=2, **UNSCHEDULED)
    return Deployment(pipeline, {}, "", tmp_path)


@contextmanager
def held(storage_url: str) -> Iterator[None]:
    """Let nobody store the result of a check meanwhile: a run that has merged waits there."""
    parts = sqlalchemy.make_url(storage_url).set(drivername="postgresql")
    with psycopg.connect(parts.render_as_string(hide_password=False)) as connection:
        connection.execute("lock table asset_check_executions in exclusive mode")
        yield


def successes(deployment: Deployment) -> int:
    ((found,),) = deployment.pipeline.rows(SUCCESS)
    return int(found)


def expect_the_end(deployment: Deployment) -> None:
    """Assert that the backfill succeeds, the tables hold exactly what INN8 has, and each day has a `Success`."""
    until(lambda: deployment.status in BULK_ACTION_TERMINAL_STATUSES, LONG)
    assert deployment.status is BulkActionStatus.COMPLETED_SUCCESS
    assert expected_rows.tables(deployment.pipeline) == expected_rows.of(deployment.pipeline.world)


def test_a_backfill_whose_daemon_is_killed_after_a_merge_ends_as_its_days_did(deployment: Deployment) -> None:
    pipeline = deployment.pipeline
    slow = pipeline.server.faults.add("delay", "transactions", seconds=8)
    with processes.daemon(deployment.folder) as daemon:
        deployment.backfill()
        until(lambda: slow not in pipeline.server.faults.pending(), LONG)
        with held(pipeline.storage_url):
            until(lambda: successes(deployment) == 1, LONG)
            (stopped,) = [run for run in deployment.runs if run.status is dg.DagsterRunStatus.STARTED]
            processes.kill_all(daemon.pid)
    with processes.daemon(deployment.folder):
        expect_the_end(deployment)
    assert pipeline.entry(TRANSACTIONS, stopped.run_id).status == "Success"
    assert len({run.run_id for run in deployment.runs if run.parent_run_id is None}) == RUNS


def test_a_chunk_that_was_queued_while_a_setting_was_broken_is_started_once_it_is_mended(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = deployment.pipeline
    with processes.daemon(deployment.folder):
        deployment.backfill()
        until(lambda: successes(deployment) == 1, LONG)
    with monkeypatch.context() as broken:
        broken.setenv("INN8_TIMEZONE", "Nowhere/Else")
        with processes.daemon(deployment.folder):
            log = deployment.folder / "daemon.log"
            until(lambda: log.read_text(encoding="utf-8").count("INN8_TIMEZONE") >= ATTEMPTS, LONG)
    with processes.daemon(deployment.folder):
        expect_the_end(deployment)
    assert "Failed" not in {entry.status for entry in pipeline.log(TRANSACTIONS)}


def test_a_backfill_of_a_tenant_that_disappears_fails_and_each_run_is_logged_as_it_ended(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN8_TENANTS", f"{TENANT},acme")
    for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"INN8_ACME__{name}", Environment().read(f"INN8_{name}", ""))
    tenant = names.Tenant("acme", is_default=False)
    acme = replace(deployment.pipeline, definitions=build(Environment()), tenant=tenant)
    for entity in (CLIENTS, PORTFOLIOS):
        assert acme.run(entity).success
    of_acme = replace(deployment, pipeline=acme)
    with processes.daemon(deployment.folder):
        of_acme.backfill()
        until(lambda: successes(of_acme) == 1, LONG)
    monkeypatch.setenv("INN8_TENANTS", TENANT)
    monkeypatch.setenv("INN8_OTHER_TENANTS", "acme")
    with processes.daemon(deployment.folder):
        until(lambda: of_acme.status in BULK_ACTION_TERMINAL_STATUSES, LONG)
        until(lambda: {run.run_id for run in of_acme.runs} == set(logged(of_acme)), LONG)
    assert of_acme.status in {BulkActionStatus.COMPLETED_FAILED, BulkActionStatus.FAILED}
    # The first run may have been killed after its merge; the others have found no tenant.
    logged_as = acme.rows("select status from inn8.sync_log where entity = 'transactions' order by status desc")
    assert [status for (status,) in logged_as] == ["Success", *["Failed"] * (RUNS - 1)]


def test_the_chunks_of_a_backfill_on_a_fresh_instance_never_run_at_once(deployment: Deployment) -> None:
    side_by_side = []
    with processes.daemon(deployment.folder):
        deployment.backfill()

        def is_over() -> bool:
            running = [run for run in deployment.runs if run.status is dg.DagsterRunStatus.STARTED]
            side_by_side.append(len(running))
            return deployment.status in BULK_ACTION_TERMINAL_STATUSES

        until(is_over, LONG)
        expect_the_end(deployment)
    assert max(side_by_side) == 1


@pytest.mark.parametrize("days", [DAYS, 4 * DAYS])
def test_runs_that_are_canceled_at_once_while_one_works_and_others_wait_have_one_entry_each(
    deployment: Deployment, days: int
) -> None:
    pipeline, count = deployment.pipeline, -(-days // MAX_DAYS_PER_RUN)
    pipeline.server.faults.add("delay", "transactions", seconds=LONG, times=None)
    with processes.daemon(deployment.folder):
        deployment.backfill()
        until(lambda: len(deployment.runs) == count, LONG)
        until(lambda: [run for run in deployment.runs if run.status is dg.DagsterRunStatus.STARTED], LONG)
        for run in deployment.runs:
            pipeline.instance.run_coordinator.cancel_run(run.run_id)
        ended = {dg.DagsterRunStatus.CANCELED}
        until(lambda: {run.status for run in deployment.runs} == ended, 60)
        until(lambda: {run.run_id for run in deployment.runs} == set(logged(deployment)), 60)
    assert sorted(logged(deployment)) == sorted(run.run_id for run in deployment.runs)


def logged(deployment: Deployment) -> list[str]:
    """Return the runs of the backfill that have an entry, as often as they have one."""
    ids = {run.run_id for run in deployment.runs}
    return [run_id for (run_id,) in deployment.pipeline.rows("select run_id from inn8.sync_log") if run_id in ids]
