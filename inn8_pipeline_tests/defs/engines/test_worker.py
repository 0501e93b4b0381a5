"""A Celery worker that is offered a step again; `test_celery` tests it with Celery itself."""

import sys
from contextlib import ExitStack
from typing import Any

import dagster as dg
import pytest
from celery.exceptions import Ignore
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import RepositoryPythonOrigin
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import pack_value

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.warehouse import locks
from inn8_pipeline_tests.defs.child_runs import begun
from inn8_pipeline_tests.defs.killed_processes import STATEMENTS, KillPoint
from inn8_pipeline_tests.defs.pipelines import Pipeline

RAW, MERGE = "raw_clients", "merge_clients"
TERMINATED = """
    select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and state = 'idle in transaction' and pid <> pg_backend_pid()
"""
"""Ends the sessions that hold locks, as Postgres does when the machine of its client is cut off."""


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the worker's module reads when it is imported; nothing listens there."""
    monkeypatch.setenv("INN8_CELERY_BROKER", "redis://localhost:1/0")
    monkeypatch.setenv("INN8_CELERY_BACKEND", "redis://localhost:1/1")


@pytest.fixture
def left(pipeline: Pipeline) -> dg.DagsterRun:
    """Return a run that was killed in its merge, and that Dagster still takes for running."""
    # Statement 31 is one of the first step since a sync checks the tenants; 40 to 80 are in the merge.
    with begun(pipeline, CLIENTS, KillPoint(STATEMENTS, 60)) as child:
        child.join(60)
    (run,) = pipeline.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.STARTED
    return run


def test_the_events_of_a_step_that_has_ended_are_returned_again(left: dg.DagsterRun) -> None:
    from inn8_pipeline.defs.worker import events_of_ended_step

    returned = events_of_ended_step(left.run_id, RAW)
    assert returned
    assert (returned[0].event_type, returned[-1].event_type) == (
        dg.DagsterEventType.STEP_START,
        dg.DagsterEventType.STEP_SUCCESS,
    )
    assert {event.step_key for event in returned} == {RAW}


def test_a_step_that_was_interrupted_is_executed_again(left: dg.DagsterRun) -> None:
    from inn8_pipeline.defs.worker import events_of_ended_step

    assert events_of_ended_step(left.run_id, MERGE) is None


def test_no_step_of_a_run_that_has_ended_is_executed(left: dg.DagsterRun, pipeline: Pipeline) -> None:
    from inn8_pipeline.defs.worker import events_of_ended_step

    pipeline.instance.report_run_failed(left)
    assert events_of_ended_step(left.run_id, MERGE) == []


def test_a_step_is_acknowledged_when_it_is_done_and_comes_back_without_a_bound() -> None:
    from inn8_pipeline.defs.worker import app, execute_plan

    assert (execute_plan.acks_late, execute_plan.reject_on_worker_lost, execute_plan.max_retries) == (True, None, None)
    assert app.conf.worker_prefetch_multiplier == 1


def test_a_step_that_another_worker_has_taken_over_has_no_result_of_the_first_one(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inn8_pipeline.defs.worker import app, execute_plan

    job = pipeline.definitions.resolve_job_def(pipeline.tenant.job_name(CLIENTS))
    run = pipeline.instance.create_run_for_job(job)
    task, sent = app.tasks[execute_plan.name], step_arguments(run)
    monkeypatch.setattr(task, "run", lambda *_: ["its result"])
    assert task(sent, {}) == ["its result"]
    with ExitStack() as taken_over:

        def cut_off(*_: object) -> list[str]:
            pipeline.rows(TERMINATED)
            taken_over.enter_context(locks.alone(pipeline.engine, locks.step(run.run_id, MERGE)))
            return ["its result"]

        monkeypatch.setattr(task, "run", cut_off)
        with pytest.raises(Ignore):
            task(sent, {})


def step_arguments(run: dg.DagsterRun) -> Any:  # noqa: ANN401 (JSON)
    """Return what the process of the run sends to a worker for its merge."""
    repository = RepositoryPythonOrigin(sys.executable, ModuleCodePointer("inn8_pipeline.definitions", "defs"))
    return pack_value(ExecuteStepArgs(repository.get_job_origin(run.job_name), run.run_id, [MERGE]))
