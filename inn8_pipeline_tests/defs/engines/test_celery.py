"""A backfill on Celery completes exactly although one of its two workers is killed in the middle of a step.

It needs Redis and takes minutes: `make test-celery`.
"""

import json
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus
from kombu.connection import Connection

from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN
from inn8_pipeline.defs.runs import executors
from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline.sandbox.api.server import LOOPBACK
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.engines import processes
from inn8_pipeline_tests.defs.engines.conftest import Deploy
from inn8_pipeline_tests.defs.engines.deployment import WORKERS, Deployment

pytestmark = [
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server"),
    # Dagster asks itself for it.
    pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated"),
]

WORKER = "inn8_pipeline.defs.worker"
HASTY = "inn8_pipeline_tests.defs.engines.short_timeouts"
PATIENT = "inn8_pipeline_tests.defs.engines.long_timeouts"
RUNS = 6
LONG = 1200


def fetching_slowly(deployment: Deployment, seconds: float) -> tuple[str, str]:
    """Return the run that waits for INN8's answer, and the worker that waits."""
    faults = deployment.pipeline.server.faults
    slow = faults.add("delay", "transactions", seconds=seconds)
    until(lambda: slow not in faults.pending(), LONG)
    found: tuple[str, str] = until(deployment.fetching, LONG)
    return found


STEPS = ("raw_transactions", "merge_transactions", "check_plausibility", "check_transactions")


def expect_the_end(deployment: Deployment) -> None:
    """Assert that the backfill succeeds and the tables hold exactly what INN8 has."""
    until(lambda: deployment.status in BULK_ACTION_TERMINAL_STATUSES, LONG)
    assert deployment.status is BulkActionStatus.COMPLETED_SUCCESS
    assert expected_rows.tables(deployment.pipeline) == expected_rows.of(deployment.pipeline.world)


def test_a_run_whose_worker_is_killed_is_ended_logged_and_started_again(deploy: Deploy) -> None:
    # A sound run takes some 15 CPU seconds, so on a machine at load 20 it takes minutes, and a limit of 100 s ends it.
    deployment = deploy(RUNS * MAX_DAYS_PER_RUN, PATIENT, max_runtime=300)
    pipeline = deployment.pipeline
    deployment.backfill()
    until(lambda: deployment.took_part == set(WORKERS), LONG)
    run_id, killed = fetching_slowly(deployment, LONG)
    processes.kill_worker(deployment.workers[killed])
    expect_the_end(deployment)

    assert len(deployment.runs) == RUNS + 1
    (again,) = [run.run_id for run in deployment.runs if run.parent_run_id == run_id]
    assert {run.run_id for run in deployment.runs if run.status is not dg.DagsterRunStatus.SUCCESS} == {run_id}
    assert {worker for _, worker in deployment.takes(again)} == {*WORKERS} - {killed}
    until(lambda: pipeline.entry(TRANSACTIONS, run_id).status == "Failed", LONG)
    assert "reached its time limit" in pipeline.entry(TRANSACTIONS, run_id).description
    for run in deployment.runs:
        logged = [entry.status for entry in pipeline.log(TRANSACTIONS, run.run_id)]
        assert logged == ["Failed" if run.run_id == run_id else "Success"] * (MAX_DAYS_PER_RUN + 1)
    until(lambda: not psutil.pid_exists(deployment.process(run_id)), LONG)
    assert not [text for text in pipeline.storage_text() if deployment.password in text]


def test_a_step_whose_worker_is_killed_is_done_by_another_one_in_the_same_run(deploy: Deploy) -> None:
    deployment = deploy(MAX_DAYS_PER_RUN, HASTY, max_runtime=LONG)
    deployment.backfill()
    run_id, killed = fetching_slowly(deployment, LONG)
    processes.kill_worker(deployment.workers[killed])
    expect_the_end(deployment)

    (other,) = {*WORKERS} - {killed}
    assert deployment.takes(run_id) == [(STEPS[0], killed), *((step, other) for step in STEPS)]
    assert [run.run_id for run in deployment.runs] == [run_id]
    assert {entry.status for entry in deployment.pipeline.log(TRANSACTIONS, run_id)} == {"Success"}


def test_a_step_that_breaks_its_own_process_ends_its_run_which_is_started_again(deploy: Deploy) -> None:
    deployment = deploy(MAX_DAYS_PER_RUN, HASTY, max_runtime=LONG)
    deployment.backfill()
    run_id, name = fetching_slowly(deployment, LONG)
    (child,) = deployment.workers[name].children()
    child.kill()
    expect_the_end(deployment)

    again, broken = deployment.runs
    assert (broken.run_id, again.parent_run_id) == (run_id, run_id)
    assert (broken.status, again.status) == (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)
    until(lambda: deployment.pipeline.entry(TRANSACTIONS, run_id).status == "Failed", LONG)
    assert deployment.pipeline.entry(TRANSACTIONS, again.run_id).status == "Success"


def test_a_step_that_takes_long_is_offered_again_and_done_once(deploy: Deploy) -> None:
    deployment = deploy(MAX_DAYS_PER_RUN, HASTY, max_runtime=LONG)
    deployment.backfill()
    run_id, _ = fetching_slowly(deployment, 20)
    expect_the_end(deployment)

    assert tuple(step for step, _ in deployment.takes(run_id)) == STEPS
    assert deployment.put_off
    assert {entry.status for entry in deployment.pipeline.log(TRANSACTIONS, run_id)} == {"Success"}


def test_a_worker_that_is_lost_while_it_looks_for_lost_steps_does_not_keep_the_others_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker locks a key in Redis while it looks. By default kombu keeps that locked for five minutes."""
    monkeypatch.setattr(executors, "OFFERED_AGAIN_SECONDS", 1)
    monkeypatch.setattr(executors, "SWEEP_SECONDS", 2)
    with ExitStack() as stack:
        url = stack.enter_context(processes.redis(tmp_path, LOOPBACK))
        for name in ("INN8_CELERY_BROKER", "INN8_CELERY_BACKEND"):
            monkeypatch.setenv(name, f"{url}/0")
        options = executors.celery_config(Environment())["config_source"]["broker_transport_options"]
        lost, other = (
            stack.enter_context(Connection(f"{url}/0", transport_options=options))  # type: ignore[no-untyped-call]
            for _ in range(2)
        )
        queue = lost.SimpleQueue("steps")
        queue.put("a step")
        queue.get(timeout=processes.SECONDS)
        channel, looking = lost.default_channel, other.default_channel
        lock = channel.client.lock(channel.unacked_mutex_key, timeout=channel.unacked_mutex_expire)
        assert lock.acquire(blocking=False)

        def is_offered_again() -> bool:
            looking.qos.restore_visible()
            return bool(looking.client.llen("steps"))

        until(is_offered_again, processes.SECONDS)


def test_a_worker_waits_for_redis_and_keeps_a_broken_connection_for_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(processes.redis(tmp_path, LOOPBACK))
        for name in ("INN8_CELERY_BROKER", "INN8_CELERY_BACKEND"):
            monkeypatch.setenv(name, f"{url}/0")
        options = executors.celery_config(Environment())["config_source"]["broker_transport_options"]
        connection = stack.enter_context(Connection(f"{url}/0", transport_options=options))  # type: ignore[no-untyped-call]
        opened = connection.default_channel.client.connection_pool.get_connection()
        stack.callback(opened.disconnect)
        found = opened._sock  # noqa: SLF001 (redis-py does not show it)
        assert found.gettimeout() == executors.ANSWER_SECONDS
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_the_doctor_names_the_workers_that_answer_and_misses_those_that_do_not(deploy: Deploy) -> None:
    deployment = deploy(MAX_DAYS_PER_RUN, WORKER, max_runtime=LONG)
    until(lambda: asked_doctor()["the schedule"].startswith("the daemon is alive"), LONG)
    # On a machine under load a worker may answer too late for one look.
    until(lambda: asked_doctor()["Celery's workers"] == "workers that answer (2): one@tests, two@tests", LONG)
    processes.kill_worker(deployment.workers["one"])
    until(lambda: asked_doctor()["Celery's workers"] == "workers that answer (1): two@tests", LONG)
    processes.kill_worker(deployment.workers["two"])
    assert asked_doctor()["Celery's workers"].startswith("No Celery worker answers")


def asked_doctor() -> dict[str, str]:
    """Return what `inn8 doctor` reports for each of its checks."""
    command = [sys.executable, "-m", "inn8_pipeline.cli", "doctor", "--json"]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=LONG).stdout
    return {each["check"]: each["message"] for each in json.loads(output)}
