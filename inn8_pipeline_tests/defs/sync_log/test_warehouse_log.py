"""Dagster's check `sync_log` and `inn8.sync_log` say the same of each sync, however it ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.defs.sync_log import dagster_log, killed_runs, warehouse_log
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS, Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log import store
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, Trigger
from inn8_pipeline.warehouse.sync_log.store import SyncLogFilter
from inn8_pipeline_tests.defs.alerting.sensors import SensorRunner
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import KEYS, TENANT, Pipeline


def rows(pipeline: Pipeline) -> list[LoggedSync]:
    """Return the rows of the table, oldest first."""
    with pipeline.engine.connect() as connection:
        return [*store.read(connection, [TENANT], list(ENTITIES), SyncLogFilter())][::-1]


def as_rows(entity: Entity, pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Return what Dagster stores of each run's own entry."""
    return {each.run_id: dict(each.metadata) for each in pipeline.log(entity) if each.day is None}


def of_row(sync: LoggedSync) -> dict[str, Any]:
    """Return what an evaluation of the row's entry would store."""
    evaluation = dagster_log.evaluation(sync.entry, KEYS.key(sync.entity))
    return {name: each.value for name, each in evaluation.metadata.items()}


def assert_both_say_the_same(pipeline: Pipeline) -> list[LoggedSync]:
    """Compare the two, entry by entry, and return the rows."""
    found = rows(pipeline)
    for entity in ENTITIES:
        of_entity = {sync.run_id: of_row(sync) for sync in found if sync.entity == entity.name}
        assert of_entity == as_rows(entity, pipeline)
    descriptions = {each.run_id: each.description for entity in ENTITIES for each in pipeline.log(entity)[::-1]}
    assert [sync.entry.text for sync in found] == [descriptions[sync.run_id] for sync in found]
    return found


def test_the_table_and_the_check_agree_on_successful_failed_and_rebuilt_syncs(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.server.faults.add("status", "clients", status=404)
    pipeline.run(CLIENTS)
    pipeline.run(CLIENTS, only=["clients"])
    pipeline.server.faults.add("body", "clients", text="[]")
    pipeline.run(CLIENTS)
    found = assert_both_say_the_same(pipeline)
    assert [(sync.entity, str(sync.entry.status)) for sync in found] == [
        ("clients", "Success"),
        ("portfolios", "Success"),
        ("transactions", "Success"),
        ("clients", "Failed"),
        ("clients", "Success"),
        ("clients", "NoData"),
    ]
    assert [sync.trigger for sync in found] == [*[Trigger.MANUAL] * 4, Trigger.REBUILD, Trigger.MANUAL]
    clients, _, transactions, failed, rebuilt, _ = found
    assert (clients.window, transactions.window) == (None, pipeline.window)
    landed = pipeline.rows("select id, byte_count from inn8_raw.landings where entity = 'clients' order by id")
    assert [(clients.landing_id, clients.bytes)] == landed[:1]
    assert (clients.retries, clients.waits) == (0, 0)
    assert (failed.landing_id, failed.bytes, failed.entry.counts) == (None, None, None)
    assert (rebuilt.landing_id, rebuilt.bytes) == (clients.landing_id, 0)


def test_the_table_and_the_check_agree_on_partial_syncs(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(invalid=2)
    pipeline.run_all()
    found = assert_both_say_the_same(pipeline)
    assert {sync.entry.status for sync in found} == {Status.PARTIAL_SUCCESS}
    assert {sync.entry.error_count for sync in found} == {2}


@pytest.mark.parametrize(
    ("tags", "trigger"),
    [
        ({names.TICK_TAG: TENANT, names.SCHEDULED_TAG: "t1/transactions"}, Trigger.TICK),
        ({names.SCHEDULED_TAG: "t1/nightly"}, Trigger.SWEEP),
        ({"dagster/backfill": "abcdefgh"}, Trigger.BACKFILL),
        ({names.TRIGGER_TAG: "backfill"}, Trigger.BACKFILL),
    ],
)
def test_what_started_a_sync_is_known_by_the_tags_of_its_run(tags: Mapping[str, str], trigger: Trigger) -> None:
    run = dg.DagsterRun(job_name="transactions_sync", tags=dict(tags))
    assert warehouse_log.trigger_of(run, KEYS.raw_key(TRANSACTIONS)) is trigger


def test_a_chunk_of_a_backfill_has_one_row_with_its_days(pipeline: Pipeline) -> None:
    pipeline.run(TRANSACTIONS, tags={**range_tags(pipeline.window), names.TRIGGER_TAG: "backfill"})
    (sync,) = assert_both_say_the_same(pipeline)
    assert (sync.window, sync.trigger, sync.entry.totals) == (
        pipeline.window,
        Trigger.BACKFILL,
        {"missing": 0, "removed": 0, "held_back": 0},
    )


def test_a_killed_run_is_in_progress_until_the_sensor_has_seen_it(pipeline: Pipeline) -> None:
    job = pipeline.definitions.resolve_job_def("transactions_sync")
    run = pipeline.instance.create_run_for_job(job, tags=range_tags(pipeline.window))
    days = [day.isoformat() for day in pipeline.window.days()]
    warehouse_log.begin(pipeline.engine, warehouse_log.sync_of(run, KEYS, TRANSACTIONS, days))
    assert [sync.entry.status for sync in rows(pipeline)] == [Status.IN_PROGRESS]
    pipeline.instance.report_run_failed(run)
    SensorRunner(pipeline, "watch_runs").evaluate()
    (sync,) = assert_both_say_the_same(pipeline)
    assert sync.entry.error_message.startswith("The run ended before it could log why")
    assert sync.window == pipeline.window


def test_of_a_run_that_was_killed_after_its_merge_was_committed_both_say_how_the_merge_ended(
    pipeline: Pipeline,
) -> None:
    pipeline.run(CLIENTS)
    (merged,) = rows(pipeline)
    job = pipeline.definitions.resolve_job_def("clients_sync")
    run = pipeline.instance.create_run_for_job(job)
    with pipeline.engine.begin() as connection:
        store.write(connection, replace(merged, run_id=run.run_id))
    pipeline.instance.report_run_failed(run)
    killed_runs.write_missing(pipeline.instance, run, "It was killed.")
    found = assert_both_say_the_same(pipeline)
    assert [sync.entry.status for sync in found] == [Status.SUCCESS, Status.SUCCESS]


def test_a_merge_that_rolls_back_has_no_row_of_its_own(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_and_fail(self: warehouse_log.MergeRecorder, connection: Any, outcome: Any) -> None:  # noqa: ANN401
        sound(self, connection, outcome)
        raise RuntimeError

    sound = warehouse_log.MergeRecorder.write
    monkeypatch.setattr(warehouse_log.MergeRecorder, "write", write_and_fail)
    pipeline.run(CLIENTS)
    (sync,) = assert_both_say_the_same(pipeline)
    assert (sync.entry.status, sync.landing_id) == (Status.FAILED, None)
    assert pipeline.rows("select count(*) from inn8.clients")[0][0] == 0


def test_what_failed_while_the_warehouse_was_away_is_added_by_the_sensor_when_it_is_back(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(warehouse_log, "read_database", lambda _: _fail())
        pipeline.server.faults.add("status", "clients", status=404)
        run = pipeline.run(CLIENTS)
        assert [sync.entry.status for sync in rows(pipeline)] == [Status.IN_PROGRESS]
        assert any("not in inn8.sync_log yet: It is away." in line for line in pipeline.lines(run.run_id, 30))
        sensor = SensorRunner(pipeline, "watch_runs")
        sensor.evaluate()
        assert "1 runs are not in the warehouse yet: It is away." in sensor.messages[0]
        assert run.run_id in str(sensor.cursor)
    sensor.evaluate()
    assert run.run_id not in str(sensor.cursor)
    (sync,) = rows(pipeline)
    assert sync.entry.error_message.startswith("INN8 refused GET /clients with 404")


def _fail() -> None:
    raise Inn8Error("It is away.")  # noqa: TRY003


def test_a_sync_that_only_fetches_has_no_row(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS, only=["raw_clients"])
    assert rows(pipeline) == []
