"""The lock of a run's process, runs that are canceled before they begin, and the pools of a new instance."""

import dagster as dg
import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.instance.internals import DagsterExecutionInterruptedError
from inn8_pipeline.defs.runs import pools, process
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.defs.pipelines import TENANT


def test_the_lock_is_taken_again_when_its_connection_breaks(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SECONDS_BETWEEN_LOOKS", 0.2)
    run = instance.create_run_for_job(build(Environment({})).resolve_job_def("clients_sync"))
    with process.held(instance, run.run_id):
        until(lambda: not process.without_process(instance, [run.run_id]))
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            )
        until(lambda: not process.without_process(instance, [run.run_id]))
    assert process.without_process(instance, [run.run_id]) == {run.run_id}


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


def test_the_pools_have_their_limit_before_a_run_asks_for_them(instance: dg.DagsterInstance) -> None:
    tenant = names.Tenant(TENANT)
    for _ in range(2):
        pools.register(instance, [tenant])
    limits = {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}
    assert limits == {"clients": 1, "portfolios": 1, "transactions": 1}
    assert tenant.pool(CLIENTS) in limits
