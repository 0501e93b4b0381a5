"""A Celery worker that is offered a step again; `test_celery` tests it with Celery itself."""

import dagster as dg
import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline_tests.defs.child_runs import begun
from inn8_pipeline_tests.defs.killed_processes import STATEMENTS, KillPoint
from inn8_pipeline_tests.defs.pipelines import Pipeline

RAW, MERGE = "raw_clients", "merge_clients"


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
