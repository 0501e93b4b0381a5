"""If a run or Postgres is killed at any moment, the last sync stays readable, and the next run repairs everything.

`make soak-records` tries more of the seeds.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import psutil
import pytest

from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Entity
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.child_runs import begun
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.killed_processes import EVENTS, STATEMENTS, KillPoint
from inn8_pipeline_tests.defs.pipelines import Pipeline, day_names

SEEDS = range(int(os.environ.get("SOAK_EXAMPLES", "2")))
# A run has more than 20 events, and a kill before one costs 7 s. `make soak-records` takes each of them.
EVENTS_APART = 1 if "SOAK_EXAMPLES" in os.environ else 5
KILLED = -signal.SIGKILL
OPEN = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def run_until_killed(pipeline: Pipeline, entity: Entity, kill_point: KillPoint) -> int | None:
    """Return the exit code of a run that was killed, or that ended before it could be."""
    with begun(pipeline, entity, kill_point) as child:
        child.join(60)
        return child.exitcode


def change_a_record(pipeline: Pipeline, entity: Entity, number: int) -> None:
    """Change one record, so that the next sync has something to write."""
    if entity is CLIENTS:
        records = pipeline.world.records("clients")
        pipeline.world.corrupt("clients", records[number % len(records)]["id"], fullName=f"Changed {number}")
    else:
        records = pipeline.world.records("transactions")
        pipeline.world.corrupt("transactions", records[number % len(records)]["id"], description=f"changed {number}")


def report_dead_runs(pipeline: Pipeline) -> list[str]:
    """Do what run monitoring and the sensor do about runs without a process, twice; return the runs' ids."""
    dead = [record.dagster_run for record in pipeline.instance.get_run_records(dg.RunsFilter(statuses=OPEN))]
    for each in dead:
        pipeline.instance.report_run_failed(each)
        killed_runs.write_missing(pipeline.instance, each, "It was killed.")
        killed_runs.write_missing(pipeline.instance, each, "It was killed.")
    return [each.run_id for each in dead]


def entries(pipeline: Pipeline, run_id: str) -> list[str]:
    """Return the day of each entry in the run's events, once per event: the check's history would hide a second one."""
    events = pipeline.events(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [event.asset_check_evaluation_data for event in events]
    return sorted(each.partition or "the run" for each in found if each.check_name == "sync_log")


def is_planned(pipeline: Pipeline, run_id: str) -> bool:
    """Return whether the run has planned a sync log entry. A run that was killed before that has never begun."""
    planned = pipeline.events(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
    return any("sync_log" in str(event.event_specific_data) for event in planned)


def expect_nothing_half_done(pipeline: Pipeline, entity: Entity, before: dict[str, list[expected_rows.Row]]) -> None:
    """Assert that the rows are those before or after the sync, the dead run has one entry, the next run is clean."""
    now = expected_rows.of(pipeline.world)
    assert expected_rows.tables(pipeline) in (before, now)
    wanted = sorted([*(day_names(pipeline.window) if entity is TRANSACTIONS else []), "the run"])
    for run_id in report_dead_runs(pipeline):
        assert entries(pipeline, run_id) == (wanted if is_planned(pipeline, run_id) else [])
    clean = pipeline.run(entity)
    assert clean.success
    assert expected_rows.tables(pipeline) == now
    assert pipeline.entry(entity, clean.run_id).status == "Success"


@pytest.mark.slow
def test_a_run_killed_before_any_of_its_events_leaves_nothing_half_done(pipeline: Pipeline) -> None:
    pipeline.run_all()
    event = 1
    code: int | None = KILLED
    while code == KILLED:
        change_a_record(pipeline, CLIENTS, event)
        before = expected_rows.tables(pipeline)
        code = run_until_killed(pipeline, CLIENTS, KillPoint(EVENTS, event))
        expect_nothing_half_done(pipeline, CLIENTS, before)
        event += EVENTS_APART
    assert code == 0
    assert event > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_killed_before_a_statement_at_random_leaves_nothing_half_done(pipeline: Pipeline, seed: int) -> None:
    pipeline.run_all()
    change_a_record(pipeline, TRANSACTIONS, seed)
    before = expected_rows.tables(pipeline)
    number = random.Random(seed).randint(1, 70)
    assert run_until_killed(pipeline, TRANSACTIONS, KillPoint(STATEMENTS, number)) == KILLED
    expect_nothing_half_done(pipeline, TRANSACTIONS, before)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_killed_at_any_moment_leaves_nothing_half_done(pipeline: Pipeline, seed: int) -> None:
    pipeline.run_all()
    change_a_record(pipeline, TRANSACTIONS, seed)
    before = expected_rows.tables(pipeline)
    with begun(pipeline, TRANSACTIONS) as child:
        time.sleep(random.Random(seed).uniform(0.2, 1.5))
        child.kill()
    expect_nothing_half_done(pipeline, TRANSACTIONS, before)


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """Yield a Postgres of the test's own, which writes to disk before it says so."""
    with folders.temporary("inn8-kills-") as folder, EmbeddedPostgres(folder, durable=True) as started:
        yield started


@pytest.fixture
def on_its_own(server: EmbeddedPostgres, new_pipeline: NewPipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Return a pipeline whose warehouse, and only that, is on that server, synced once."""
    pipeline = new_pipeline()
    url = server.url("warehouse")
    monkeypatch.setenv("INN8_DATABASE_URL", url)
    pipeline = replace(pipeline, engine=connect(url))
    migrations.upgrade(pipeline.engine)
    pipeline.run_all()
    change_a_record(pipeline, TRANSACTIONS, 5)
    return pipeline


def killing(server: EmbeddedPostgres, number: int) -> KillPoint:
    return KillPoint(STATEMENTS, number, server.folder / "data")


def killing_for_a_while(server: EmbeddedPostgres, number: int) -> KillPoint:
    """Return a kill point whose run waits for as long as a restart takes on a machine under load."""
    return replace(killing(server, number), retry_waits_seconds=40 * (1.0,))


def restart(server: EmbeddedPostgres) -> None:
    server.stop()
    server.start()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_run_whose_postgres_is_killed_and_comes_up_again_ends_by_itself(
    server: EmbeddedPostgres, on_its_own: Pipeline, seed: int
) -> None:
    postmaster = psutil.Process(int((server.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0]))
    with begun(on_its_own, TRANSACTIONS, killing_for_a_while(server, random.Random(seed).randint(1, 70))):
        postmaster.wait(60)
        restart(server)
    (run,) = on_its_own.instance.get_runs(limit=1)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert expected_rows.tables(on_its_own) == expected_rows.of(on_its_own.world)
    assert on_its_own.entry(TRANSACTIONS, run.run_id).status == "Success"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_run_whose_postgres_stays_down_is_failed_once_and_the_sync_before_it_is_there(
    server: EmbeddedPostgres, on_its_own: Pipeline, seed: int
) -> None:
    before = expected_rows.tables(on_its_own)
    number = random.Random(seed).randint(1, 60)
    assert run_until_killed(on_its_own, TRANSACTIONS, killing(server, number)) == 0
    (run,) = on_its_own.instance.get_runs(limit=1)
    failed = on_its_own.entry(TRANSACTIONS, run.run_id)
    assert failed.status == "Failed"
    assert failed.metadata["error_message"].startswith("Postgres at ")
    restart(server)
    assert expected_rows.tables(on_its_own) in (before, expected_rows.of(on_its_own.world))
    assert on_its_own.run(TRANSACTIONS).success
    assert expected_rows.tables(on_its_own) == expected_rows.of(on_its_own.world)
