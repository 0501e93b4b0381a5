"""What shows that a run is alive, runs that are canceled before they begin, and the pools of a new instance."""

import dagster as dg
import psycopg
import pytest
import sqlalchemy
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from inn8_pipeline.defs import names
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.instance.internals import DagsterExecutionInterruptedError
from inn8_pipeline.defs.runs import pools, process
from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.settings import Environment, now
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline
from inn8_pipeline_tests.warehouse.logins import new_login


def connections(instance: dg.DagsterInstance) -> set[int]:
    """Return the server processes of the connections that runs keep open."""
    query = """
        select pid from pg_stat_activity where application_name like 'inn8 run %%' and datname = current_database()
    """
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        return set(connection.exec_driver_sql(query).scalars())


def test_the_connection_of_a_run_is_opened_again_when_it_breaks(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SECONDS_BETWEEN_LOOKS", 0.2)
    run = instance.create_run_for_job(build(Environment({})).resolve_job_def("clients_sync"))
    with process.shown(instance, run.run_id):
        (broken,) = until(lambda: connections(instance))
        assert not process.without_process(instance, [run.run_id])
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql("select pg_terminate_backend(%s)", (broken,))
        until(lambda: connections(instance) - {broken})
        assert not process.without_process(instance, [run.run_id])
    # Postgres notices a moment later that the connection was closed.
    until(lambda: process.without_process(instance, [run.run_id]) == {run.run_id})


def test_another_logins_connection_or_lock_neither_keeps_a_dead_run_alive_nor_hinders_a_living_one(
    instance: dg.DagsterInstance,
) -> None:
    run_id = instance.create_run_for_job(build(Environment({})).resolve_job_def("clients_sync")).run_id
    url = sqlalchemy.make_url(instance.run_storage.postgres_url)  # type: ignore[attr-defined]
    name = f"inn8 run {run_id}"
    with new_login(instance.run_storage.postgres_url) as login:  # type: ignore[attr-defined]
        wanted = {"dbname": url.database, "host": url.query.get("host") or url.host, "user": login}
        with psycopg.connect(**wanted, application_name=name, autocommit=True) as other:  # type: ignore[arg-type]
            other.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])
            assert process.without_process(instance, [run_id]) == {run_id}
            with process.shown(instance, run_id):
                until(lambda: not process.without_process(instance, [run_id]))


def test_a_run_that_was_canceled_before_it_began_ends_as_canceled_and_executes_nothing(
    instance: dg.DagsterInstance,
) -> None:
    job = build(Environment({})).resolve_job_def("clients_sync")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING)
    instance.report_run_canceled(run)
    # As the queue does, which looks before and launches after.
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=job.name)
    instance.report_dagster_event(event, run.run_id)
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED  # type: ignore[union-attr]
    with pytest.raises(DagsterExecutionInterruptedError):
        process.stop_if_canceled(instance, run.run_id)
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELING  # type: ignore[union-attr]


def test_a_run_that_is_started_though_it_was_canceled_does_not_run_on_to_success(pipeline: Pipeline) -> None:
    instance, job = pipeline.instance, pipeline.definitions.resolve_job_def("clients_sync")
    run = instance.create_run_for_job(job)
    instance.report_run_canceled(run)
    starting = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_STARTING.value, job_name=job.name)
    instance.report_dagster_event(starting, run.run_id)
    started = instance.get_run_by_id(run.run_id)
    assert started is not None
    assert started.status is dg.DagsterRunStatus.STARTING
    # With the executor of the settings, as the process does that the daemon starts.
    execute_run(InMemoryJob(job), started, instance)
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELED  # type: ignore[union-attr]
    assert pipeline.server.stats.requests.total() == 0
    killed_runs.sensor([names.Tenant(TENANT)]).evaluate_tick(dg.build_sensor_context(instance))
    assert pipeline.entry(CLIENTS, run.run_id).status == "Failed"


def test_a_run_that_is_canceled_while_it_is_created_ends_within_two_looks(pipeline: Pipeline) -> None:
    # A backfill creates a run some seconds before it queues it. Meanwhile it has no process that could end it.
    instance, job = pipeline.instance, pipeline.definitions.resolve_job_def("clients_sync")
    run, launched = (instance.create_run_for_job(job) for _ in range(2))
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_STARTING.value, job_name=job.name)
    instance.report_dagster_event(event, launched.run_id)
    for each in (run, launched):
        instance.report_run_canceling(each)
    without, ended = killed_runs.end_dead_runs(instance, {})
    assert (list(without), ended) == ([run.run_id], [])
    long_ago = (now() - killed_runs.CONFIRMED_AFTER).isoformat()
    assert len(killed_runs.end_dead_runs(instance, {run.run_id: long_ago})[1]) == 1
    assert "was canceled before it began" in pipeline.entry(CLIENTS, run.run_id).description
    found = [instance.get_run_by_id(each.run_id) for each in (run, launched)]
    assert [each and each.status for each in found] == [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING]


def test_the_pools_have_their_limit_before_a_run_asks_for_them(instance: dg.DagsterInstance) -> None:
    tenant = names.Tenant(TENANT)
    for _ in range(2):
        pools.register(instance, [tenant])
    limits = {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}
    assert limits == {"clients": 1, "portfolios": 1, "transactions": 1}
    assert tenant.pool(CLIENTS) in limits
