"""A dry run says what the sync would do, does everything but write, and leaves nothing behind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.execution_result import ExecutionResult

from inn8_pipeline import sync
from inn8_pipeline.cli.support.changes import Preview
from inn8_pipeline.defs import names
from inn8_pipeline.defs.instance.storage_pruning import delete_runs
from inn8_pipeline.defs.resources import Inn8
from inn8_pipeline.defs.sync_log import copy_from_dagster, dry_runs, failures
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS, Entity, Window
from inn8_pipeline.errors import DatabaseError
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.history import diff
from inn8_pipeline.warehouse.history.diff import DiffFilter, ValueChange
from inn8_pipeline.warehouse.sync_log.entry import SyncLogEntry
from inn8_pipeline_tests.defs.alerting.sensors import SensorRunner
from inn8_pipeline_tests.defs.pipelines import KEYS, TENANT, Pipeline

Change = tuple[str, str, str, str, str, str]
DRY = {"dry_run": True}
REQUESTS_ARE_REAL = {"inn8.circuits"}
"""The circuit breaker counts the requests of a dry run as any other's."""


def everything(pipeline: Pipeline) -> dict[str, list[Any]]:
    """Return all rows of all tables of the warehouse, except those that count requests."""
    tables = pipeline.rows(
        "select oid::regclass::text from pg_class where relkind = 'r'"
        " and relnamespace in ('inn8'::regnamespace, 'inn8_raw'::regnamespace, 'inn8_history'::regnamespace) order by 1"
    )
    compared = [name for (name,) in tables if name not in REQUESTS_ARE_REAL]
    return {name: pipeline.rows(f"select t::text from {name} t order by 1") for name in compared}


def entry_of(pipeline: Pipeline, entity: Entity, run: dg.DagsterRun) -> SyncLogEntry:
    entry = dry_runs.entry_of(pipeline.instance, run, KEYS.key(entity))
    assert entry is not None
    return entry


@dataclass
class Previewed:
    """A dry run, and the changes that it has shown, without their instants, which those of the sync differ in."""

    result: ExecutionResult
    changes: list[Change]


def preview(pipeline: Pipeline, entity: Entity, config: Mapping[str, bool] = DRY, **how: Any) -> Previewed:  # noqa: ANN401
    """Execute a dry run, and assert that it changes nothing in the warehouse."""
    before, logged = everything(pipeline), pipeline.log(entity)
    with Preview() as shown:
        with dry_runs.previewed(shown.read):
            result = pipeline.run(entity, config={**config, **DRY}, **how)
        changes = sorted(map(change_of, shown.changes(result.run_id)))
    assert everything(pipeline) == before
    assert [each for each in pipeline.log(entity) if each.run_id != result.run_id] == logged
    return Previewed(result, changes)


def changes_of(pipeline: Pipeline, entity: Entity, run_id: str) -> list[Change]:
    """Return the changes of a sync, as `inn8 diff` reads them."""
    with pipeline.engine.connect() as connection:
        return sorted(map(change_of, diff.read(connection, entity, DiffFilter([TENANT], [run_id]))))


def change_of(change: ValueChange) -> Change:
    """Return the change without its instant, and of a value that is an instant only whether there is one."""
    if change.column_name in {"missing_since", "removed_at"}:
        change = replace(change, old=change.old and "set", new=change.new and "set")
    return (
        change.table_name, change.external_id, change.reason, change.column_name or "", change.old or "",
        change.new or "",
    )  # fmt: skip


def change_some(pipeline: Pipeline) -> None:
    """Change, remove, corrupt and add records at INN8."""
    world = pipeline.world
    clients, transactions = list(world.records("clients")), list(world.records("transactions"))
    world.put("clients", {**clients[0], "fullName": "Somebody Else"})
    world.put("clients", {**clients[1], "id": "CL-NEW"})
    world.corrupt("clients", clients[2]["id"], fullName=None)
    world.remove("clients", clients[3]["id"])
    world.put("transactions", {**transactions[0], "description": "corrected"})
    world.remove("transactions", transactions[1]["id"])


@pytest.mark.parametrize(("entity", "syncs"), [(CLIENTS, 3), (TRANSACTIONS, 1)])
def test_a_dry_run_leaves_every_table_as_it_was_and_shows_what_the_sync_then_does(
    pipeline: Pipeline, entity: Entity, syncs: int
) -> None:
    pipeline.run_all()
    gone = list(pipeline.world.records("clients"))[3]
    change_some(pipeline)
    reasons: list[set[str]] = []
    for number in range(syncs):
        if number == 2:
            pipeline.world.put("clients", gone)
        previewed = preview(pipeline, entity)
        assert previewed.result.success
        done = pipeline.run(entity)
        assert previewed.changes == changes_of(pipeline, entity, done.run_id)
        reasons.append({reason for _, _, reason, *_ in previewed.changes})
        if number == 0:
            nothing_but_an_observation_is_logged(pipeline, entity, previewed.result)
            same_entry_and_counts(pipeline, entity, previewed.result, done)
    first = {"updated", "missing"} | ({"inserted"} if entity is CLIENTS else set())
    assert reasons == [first, {"removed"}, {"revived"}][:syncs]


def nothing_but_an_observation_is_logged(pipeline: Pipeline, entity: Entity, previewed: ExecutionResult) -> None:
    assert not pipeline.events(previewed.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert not [each for each in previewed.get_asset_materialization_events() if each.asset_key == KEYS.key(entity)]


def same_entry_and_counts(
    pipeline: Pipeline, entity: Entity, previewed: ExecutionResult, done_run: ExecutionResult
) -> None:
    entry, done = entry_of(pipeline, entity, previewed.dagster_run), pipeline.entry(entity, done_run.run_id)
    assert entry.counts is not None
    counts = {**entry.counts.as_dict(), **entry.totals}
    assert counts["updated"] == counts["missing"] == 1
    names = {"fetched": "record_count", "rejected": "error_count"}
    assert {name: done.metadata[names.get(name, name)] for name in counts} == counts
    assert (done.status, done.description) == (entry.status, entry.text)
    column = "name" if entity is CLIENTS else "description"
    expected = {column: 1, "missing_since": 1}
    made = [
        each.materialization.metadata["changed_columns"].value
        for each in done_run.get_asset_materialization_events()
        if each.asset_key == KEYS.key(entity)
    ]
    assert made == [expected] * len(made) != []
    (observed,) = pipeline.events(previewed.run_id, dg.DagsterEventType.ASSET_OBSERVATION)
    metadata = observed.asset_observation_data.asset_observation.metadata
    assert metadata["changed_columns"].value == {entity.name: expected}
    shown = pipeline.lines(previewed.run_id) + pipeline.lines(done_run.run_id)
    assert not [line for line in shown if "Somebody Else" in line or "corrected" in line]


def test_a_dry_rebuild_reads_the_landing_and_writes_nothing(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change("update inn8.clients set name = 'of nobody'")
    previewed = preview(pipeline, CLIENTS, {"allow_changes": True}, only=["clients"])
    counts = entry_of(pipeline, CLIENTS, previewed.result.dagster_run).counts
    assert counts is not None
    assert counts.updated == 25
    done = pipeline.run(CLIENTS, only=["clients"], config={"allow_changes": True})
    assert previewed.changes == changes_of(pipeline, CLIENTS, done.run_id)
    assert [each[2:5] for each in previewed.changes] == [("updated", "name", "of nobody")] * 25


def test_a_dry_rebuild_from_several_landings_shows_the_rows_that_the_rebuild_then_inserts(pipeline: Pipeline) -> None:
    pipeline.run_all()
    day = pipeline.window.from_date
    pipeline.run(TRANSACTIONS, window=Window(day, day))
    pipeline.change("delete from inn8.transactions")
    previewed = preview(pipeline, TRANSACTIONS, only=["transactions"])
    done = pipeline.run(TRANSACTIONS, only=["transactions"])
    assert previewed.changes == changes_of(pipeline, TRANSACTIONS, done.run_id)
    inserted = {each[1] for each in previewed.changes if each[2] == "inserted"}
    assert inserted == {external_id for (external_id,) in pipeline.rows("select external_id from inn8.transactions")}


def test_a_dry_run_that_would_fail_says_so_and_is_no_entry_of_the_sync_log(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    for record in list(pipeline.world.records("clients")):
        pipeline.world.put("clients", {**record, "status": "dormant"})
    before = everything(pipeline)
    run = pipeline.run(CLIENTS, config=DRY)
    SensorRunner(pipeline, "watch_runs").evaluate()
    assert everything(pipeline) == before
    assert "status would become unknown in 24 of 25 rows" in entry_of(pipeline, CLIENTS, run.dagster_run).error_message
    assert [each.status for each in pipeline.log(CLIENTS) if each.state != "PLANNED"] == ["Success"]
    allowed = pipeline.run(CLIENTS, config={**DRY, "allow_changes": True})
    assert everything(pipeline) == before
    assert entry_of(pipeline, CLIENTS, allowed.dagster_run).status == "Success"


def test_a_dry_run_that_allows_removals_shows_the_rows_that_are_held_back_without(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    for record in pipeline.world.records("clients")[:10]:
        pipeline.world.remove("clients", record["id"])
    assert preview(pipeline, CLIENTS).changes == []
    previewed = preview(pipeline, CLIENTS, {"allow_removals": True})
    assert len(previewed.changes) == 10
    done = pipeline.run(CLIENTS, config={"allow_removals": True})
    assert previewed.changes == changes_of(pipeline, CLIENTS, done.run_id)


def test_the_landing_of_a_dry_run_is_kept_where_that_is_asked_for_and_can_be_merged(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    change_some(pipeline)
    pipeline.run(CLIENTS, config={**DRY, "keep_landing": True})
    assert pipeline.rows("select count(*) from inn8_raw.landings") == [(2,)]
    rebuilt = pipeline.run(CLIENTS, only=["clients"])
    assert pipeline.entry(CLIENTS, rebuilt.run_id).metadata["updated"] == 1


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_a_killed_dry_run_has_fetched_is_deleted_by_the_sensor(pipeline: Pipeline, *, is_kept: bool) -> None:
    pipeline.run_all()
    change_some(pipeline)
    before = everything(pipeline)
    job = pipeline.definitions.resolve_job_def("clients_sync")
    config = {"ops": {"merge_clients": {"config": {**DRY, "keep_landing": is_kept}}}}
    run = pipeline.instance.create_run_for_job(job, run_config=config)
    with Inn8().client(TENANT, pipeline.engine, warn=lambda _: None) as client:
        sync.land(client, sync.Destination(pipeline.engine, TENANT, run.run_id), CLIENTS, None, is_kept=False)
    pipeline.instance.report_run_failed(run)
    SensorRunner(pipeline, "watch_runs").evaluate()
    assert (everything(pipeline) == before) is not is_kept


def test_a_dry_run_that_postgres_interrupts_is_retried_with_its_own_landing(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if not attempts:
            attempts.append(1)
            raise DatabaseError("merging", "OperationalError")
        return merge(*arguments, **options)

    pipeline.run(CLIENTS)
    change_some(pipeline)
    before, merge, attempts = everything(pipeline), sync.merge, list[int]()
    monkeypatch.setattr(failures, "RETRY_WAITS_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(sync, "merge", interrupted)
    run = pipeline.run(CLIENTS, config=DRY)
    assert run.success
    counts = entry_of(pipeline, CLIENTS, run.dagster_run).counts
    assert (attempts, counts and (counts.updated, counts.inserted)) == ([1], (1, 1))
    assert everything(pipeline) == before


def test_a_run_that_is_dry_for_one_entity_writes_nothing_of_another(pipeline: Pipeline) -> None:
    pipeline.run_all()
    change_some(pipeline)
    before = everything(pipeline)
    done = pipeline.definitions.resolve_job_def(pipeline.tenant.name(names.JOB)).execute_in_process(
        instance=pipeline.instance,
        asset_selection=[dg.AssetKey(f"{raw}{each}") for each in ("clients", "portfolios") for raw in ("raw_", "")],
        run_config={"ops": {"merge_portfolios": {"config": DRY}}},
    )
    assert done.success
    assert entry_of(pipeline, CLIENTS, done.dagster_run).counts
    # Dagster skips the step of portfolios, because that of clients made no table. What was fetched is deleted later.
    assert everything(pipeline) != before
    SensorRunner(pipeline, "watch_runs").evaluate()
    assert everything(pipeline) == before


@pytest.mark.slow
def test_the_copy_of_old_entries_adds_neither_dry_runs_nor_syncs_whose_runs_are_deleted(pipeline: Pipeline) -> None:
    pipeline.run_all()
    previewed = pipeline.run(CLIENTS, config=DRY)
    pipeline.run_all()
    before = pipeline.rows("select * from inn8.sync_log order by id")
    assert len(before) == 2 * len(ENTITIES)
    assert copy_from_dagster.copy(pipeline.instance, pipeline.engine, [pipeline.tenant]) == 0
    delete_runs(pipeline.instance, now() + timedelta(days=1))
    assert pipeline.instance.get_run_by_id(previewed.run_id) is None
    assert copy_from_dagster.copy(pipeline.instance, pipeline.engine, [pipeline.tenant]) == 0
    assert pipeline.rows("select * from inn8.sync_log order by id") == before


@pytest.mark.parametrize("config", [{}, {"ops": None}, {"ops": {"merge_clients": None}}, {"ops": {"x": {"config": 7}}}])
def test_a_run_of_any_configuration_is_no_dry_run_unless_it_says_so(config: dict[str, Any]) -> None:
    assert not dry_runs.is_dry(dg.DagsterRun(job_name="clients_sync", run_config=config))
