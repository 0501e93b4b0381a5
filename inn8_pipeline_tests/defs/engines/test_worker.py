"""A Celery worker that is offered a step again; `test_celery` tests it with Celery itself."""

import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import dagster as dg
import pytest
from celery import _state
from celery.exceptions import Reject, Retry
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData, StepSuccessData
from dagster._core.origin import RepositoryPythonOrigin
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import pack_value
from dagster_postgres.utils import DagsterPostgresException
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import DatabaseError
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse import locks
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.defs.child_runs import begun
from inn8_pipeline_tests.defs.engines.links import Link, linked
from inn8_pipeline_tests.defs.killed_processes import STATEMENTS, KillPoint
from inn8_pipeline_tests.defs.pipelines import Pipeline
from inn8_pipeline_tests.warehouse.logins import administer, new_login, url_of

RAW, MERGE = "raw_clients", "merge_clients"
SECONDS = 30
TERMINATED = """
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
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
    # Statement 60 is one of the first step, which also reads and writes the responses; 64 to 80 are in the merge.
    with begun(pipeline, CLIENTS, KillPoint(STATEMENTS, 75)) as child:
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


Offered = Callable[[Callable[[], list[str]]], Sequence[str]]


@pytest.fixture
def run(pipeline: Pipeline) -> dg.DagsterRun:
    return pipeline.instance.create_run_for_job(
        pipeline.definitions.resolve_job_def(pipeline.tenant.job_name(CLIENTS)), status=dg.DagsterRunStatus.STARTED
    )


@pytest.fixture
def link(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    """Lead the worker to Postgres over a link that can be taken down."""
    with linked(pipeline.engine.url) as link:
        url = pipeline.engine.url.set(drivername="postgresql", host="127.0.0.1", port=link.port, query={})
        monkeypatch.setenv("INN8_DATABASE_URL", url.render_as_string(hide_password=False))
        yield link


@pytest.fixture
def offered(run: dg.DagsterRun, monkeypatch: pytest.MonkeyPatch) -> Offered:
    """Return a function that offers the merge to a worker, for which a function executes it, and returns the result."""
    from inn8_pipeline.defs.worker import app, execute_plan

    task = app.tasks[execute_plan.name]

    def offer(execute: Callable[[], list[str]]) -> Sequence[str]:
        monkeypatch.setattr(task, "run", lambda *_: execute())
        result: Sequence[str] = task(step_arguments(run), {})
        return result

    return offer


def its_result() -> list[str]:
    return ["its result"]


def not_executed() -> list[str]:
    pytest.fail("the step is executed although it has ended")


def test_a_worker_that_keeps_its_lock_returns_its_result(offered: Offered, link: Link) -> None:
    assert offered(its_result) == ["its result"]
    assert link.carried


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("moment", ["out of reach", "nobody has it", "another has it", "another has ended it"])
def test_a_worker_that_was_cut_off_has_no_result(  # noqa: PLR0913 (two of them are parameters)
    pipeline: Pipeline, run: dg.DagsterRun, link: Link, offered: Offered, moment: str, *, fails: bool
) -> None:
    """Whenever it comes back: while Postgres is out of reach, before another takes the step, meanwhile, or after it."""
    with ExitStack() as held:

        def cut_off() -> list[str]:
            link.down()
            pipeline.rows(TERMINATED)
            if moment == "another has it":
                held.enter_context(locks.alone(pipeline.engine, locks.step(run.run_id, MERGE)))
            if moment == "another has ended it":
                report(pipeline, run, dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS)
            if moment != "out of reach":
                link.up()
            if fails:
                raise DagsterPostgresException
            return its_result()

        with pytest.raises(Reject) as back:
            offered(cut_off)
    assert back.value.requeue
    link.up()
    if moment == "another has ended it":
        assert len(offered(not_executed)) == 2
    else:
        assert offered(its_result) == ["its result"]


def test_a_worker_that_cannot_reach_postgres_puts_a_step_back(link: Link, offered: Offered) -> None:
    link.down()
    with pytest.raises(Retry):
        offered(not_executed)


def test_a_worker_that_cannot_reach_dagsters_storage_puts_a_step_back(
    offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bound, so that nobody else takes the port; nobody listens.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql://nobody@127.0.0.1:{port}/nothing")
        with pytest.raises(Retry):
            offered(not_executed)


def test_a_worker_without_rights_in_the_warehouse_fails_the_run_at_once(
    pipeline: Pipeline, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inn8_pipeline.defs.worker import app

    url = pipeline.engine.url.render_as_string(hide_password=False)
    with new_login(url) as login:
        monkeypatch.setenv("INN8_DATABASE_URL", url_of(url, login))
        with pytest.raises(DatabaseError, match="permission denied for schema inn8") as refused:
            offered(not_executed)
    assert refused.value.sqlstate == "42501"
    # This is how the process of the run receives it.
    received = app.backend.exception_to_python(app.backend.prepare_exception(refused.value))
    assert str(received) == str(refused.value)


def test_a_worker_without_rights_in_dagsters_storage_fails_the_run_at_once(
    pipeline: Pipeline, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pipeline.storage_url
    with new_login(url) as login:
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", url_of(url, login))
        with pytest.raises(ProgrammingError, match="permission denied for table"):
            offered(not_executed)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"password": "a-wrong-one"}, "password authentication failed"),
        ({"username": "unknown"}, 'role "unknown" does not exist'),
        ({"username": "barred"}, "pg_hba.conf rejects"),
        ({"username": "nologin"}, "is not permitted to log in"),
        ({"database": "unknown"}, 'database "unknown" does not exist'),
        ({"database": "closed"}, "permission denied for database"),
    ],
    ids=["password", "login", "host", "no login", "database", "no right"],
)
def test_a_worker_that_the_warehouse_does_not_let_in_fails_the_run_at_once(
    change: dict[str, str], refusal: str, asking: URL, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = asking.set(**change)  # type: ignore[arg-type]
    monkeypatch.setenv("INN8_DATABASE_URL", url.render_as_string(hide_password=False))
    with pytest.raises(DatabaseError) as refused:
        offered(not_executed)
    assert refusal in str(refused.value)
    assert str(url.password) not in str(refused.value)


def test_a_worker_that_dagsters_storage_does_not_let_in_fails_the_run_at_once(
    asking: URL, offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = asking.set(password="a-wrong-one")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url.render_as_string(hide_password=False))
    with pytest.raises(DagsterPostgresException) as refused:
        offered(not_executed)
    assert "password authentication failed" in str(refused.value.__cause__)
    assert "a-wrong-one" not in str(refused.value.__cause__)


RULES = """
local all barred reject
local all asked scram-sha-256
"""
LOGINS = (
    "create role asked login password 'the-right-one'",
    "create role barred login",
    "create role nologin",
    "create database closed",
    "revoke connect on database closed from public",
    "select pg_reload_conf()",
)


@pytest.fixture(scope="module")
def asking() -> Iterator[URL]:
    """Yield the URL of a server that asks the login for its password."""
    with folders.temporary("inn8-passwords-") as folder, EmbeddedPostgres(folder, durable=False) as server:
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text(RULES + rules.read_text(encoding="utf-8"), encoding="utf-8")
        administer(server.url("postgres"), *LOGINS)
        yield make_url(server.url("postgres")).set(drivername="postgresql", username="asked", password="the-right-one")


def test_a_step_fails_when_it_has_found_postgres_out_of_reach_too_often_in_a_row(
    pipeline: Pipeline, link: Link, run: dg.DagsterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is in the memory of this process."""
    from inn8_pipeline.defs import worker

    monkeypatch.setattr(worker, "MOST_ATTEMPTS", 3)
    assert until_it_fails(link, run, monkeypatch) == ["Retry", "Retry", "UnreachableDatabaseError"]
    # A worker that finds another one at the step counts anew.
    with locks.alone(pipeline.engine, locks.step(run.run_id, MERGE)):
        found = until_it_fails(link, run, monkeypatch, reachable={2})
    assert found == ["Retry", "Retry", "Retry", "Retry", "Retry", "UnreachableDatabaseError"]


def until_it_fails(
    link: Link, run: dg.DagsterRun, monkeypatch: pytest.MonkeyPatch, reachable: Collection[int] = ()
) -> list[str]:
    """Offer the step again as the worker before has put it into the queue; return how each worker puts it off or fails.

    Postgres is in reach only for the attempts with these numbers, from 0.
    """
    from inn8_pipeline.defs import worker

    monkeypatch.setitem(worker.app.conf, "broker_url", "memory://")
    monkeypatch.setattr(worker.app.amqp, "_producer_pool", None)
    # As in a worker's process: it does not wait for the results of what it puts into the queue.
    monkeypatch.setattr(_state, "_task_join_will_block", True)
    task = worker.app.tasks[worker.execute_plan.name]
    headers: dict[str, Any] = {"id": "the step"}
    outcomes: list[str] = []
    with worker.app.connection_for_write() as connection, connection.SimpleQueue("dagster") as queue:
        while len(outcomes) < 10 and outcomes[-1:] in ([], ["Retry"]):
            (link.up if len(outcomes) in reachable else link.down)()
            task.push_request(**headers, args=(step_arguments(run), {}), called_directly=False, delivery_info={})
            with pytest.raises((Retry, DatabaseError)) as outcome:
                worker.StepTask.__call__(task, step_arguments(run), {})
            task.pop_request()
            outcomes.append(outcome.typename)
            if outcomes[-1] == "Retry":
                message = queue.get(timeout=SECONDS)
                message.ack()
                headers = message.headers
    return outcomes


@pytest.mark.parametrize(
    ("code", "is_put_off"),
    [
        ("", True),
        ("08006", True),
        ("53300", True),
        ("57P01", True),
        ("42501", False),
        ("42P01", False),
        ("28000", False),
    ],
)
def test_only_an_error_that_may_pass_or_spare_another_worker_puts_a_step_off(code: str, *, is_put_off: bool) -> None:
    from inn8_pipeline.defs.worker import is_out_of_reach

    refused = DBAPIError("select 1", {}, Refused(code))
    gave_up = DagsterPostgresException("too many retries")
    gave_up.__cause__ = refused
    for error in (DatabaseError("taking a lock", "Refused", code), refused, gave_up):
        assert is_out_of_reach(error) is is_put_off


class Refused(Exception):  # noqa: N818 (the name of a condition)
    """An error of psycopg2, whose own cannot be created with a code."""

    def __init__(self, pgcode: str) -> None:
        self.pgcode = pgcode or None


def test_a_step_stays_in_a_queue_that_cannot_be_written_to(
    link: Link, run: dg.DagsterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery's own answer is a failure of the step. The queue of these tests is a port at which nothing listens."""
    from inn8_pipeline.defs.worker import StepTask, app, execute_plan

    link.down()
    task = app.tasks[execute_plan.name]
    monkeypatch.setitem(app.conf, "task_publish_retry", 0)
    task.push_request(args=(step_arguments(run), {}), called_directly=False, id="the step", delivery_info={})
    try:
        with pytest.raises(Reject) as back:
            StepTask.__call__(task, step_arguments(run), {})
    finally:
        task.pop_request()
    assert back.value.requeue


def test_a_worker_waits_for_redis_with_the_result_of_a_step() -> None:
    from inn8_pipeline.defs.worker import app

    assert app.backend.always_retry


def test_the_late_failure_of_a_worker_that_was_cut_off_is_no_event_of_a_step_that_succeeded(
    pipeline: Pipeline, run: dg.DagsterRun
) -> None:
    from inn8_pipeline.defs.worker import events_of_ended_step

    kinds = dg.DagsterEventType
    report(pipeline, run, kinds.STEP_START, kinds.STEP_UP_FOR_RETRY)
    assert events_of_ended_step(run.run_id, MERGE) is None
    report(pipeline, run, kinds.STEP_START, kinds.STEP_FAILURE)
    returned = events_of_ended_step(run.run_id, MERGE) or []
    assert [event.event_type for event in returned] == [kinds.STEP_START, kinds.STEP_FAILURE]
    report(pipeline, run, kinds.STEP_UP_FOR_RETRY, kinds.STEP_SUCCESS)
    returned = events_of_ended_step(run.run_id, MERGE) or []
    assert [event.event_type for event in returned] == [kinds.STEP_START, kinds.STEP_SUCCESS]


def report(pipeline: Pipeline, run: dg.DagsterRun, *kinds: dg.DagsterEventType) -> None:
    """Log events of the merge as a worker does."""
    error = SerializableErrorInfo("cut off", [], None)
    data: dict[dg.DagsterEventType, Any] = {
        dg.DagsterEventType.STEP_SUCCESS: StepSuccessData(1.0),  # type: ignore[no-untyped-call]
        dg.DagsterEventType.STEP_FAILURE: StepFailureData(error, None),  # type: ignore[no-untyped-call]
        dg.DagsterEventType.STEP_UP_FOR_RETRY: StepRetryData(error),  # type: ignore[no-untyped-call]
    }
    for kind in kinds:
        event = dg.DagsterEvent(kind.value, run.job_name, step_key=MERGE, event_specific_data=data.get(kind))
        pipeline.instance.report_dagster_event(event, run.run_id)


def step_arguments(run: dg.DagsterRun) -> Any:  # noqa: ANN401 (JSON)
    """Return what the process of the run sends to a worker for its merge."""
    repository = RepositoryPythonOrigin(sys.executable, ModuleCodePointer("inn8_pipeline.definitions", "defs"))
    return pack_value(ExecuteStepArgs(repository.get_job_origin(run.job_name), run.run_id, [MERGE]))
