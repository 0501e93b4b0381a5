"""A scheduled run, a backfill and `inn8 sync`, in several processes, sync one entity one after the other."""

import dagster as dg
import pytest
from sqlalchemy import Connection

from inn8_pipeline.defs.assets.metadata import waits
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity, Window
from inn8_pipeline.warehouse import locks
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.child_runs import begun
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline


def runs_of(pipeline: Pipeline) -> list[dg.DagsterRun]:
    return list(pipeline.instance.get_runs())


def hold(connection: Connection, entity: Entity) -> None:
    connection.begin()
    locks.hold(connection, locks.entity(TENANT, entity.name))


@pytest.mark.slow
def test_several_processes_at_the_same_days_end_with_the_right_rows(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.run(PORTFOLIOS)
    last = Window(pipeline.world.last_date, pipeline.world.last_date)
    kinds: list[dict[str, str]] = [
        range_tags(pipeline.window) | {"dagster/schedule_name": "every_15_minutes"},
        range_tags(last) | {"dagster/backfill": "march"},
        range_tags(pipeline.window),
    ]
    with (
        begun(pipeline, TRANSACTIONS, tags=kinds[0]),
        begun(pipeline, TRANSACTIONS, tags=kinds[1]),
        begun(pipeline, TRANSACTIONS, tags=kinds[2]),
    ):
        pass
    assert expected_rows.tables(pipeline) == expected_rows.of(pipeline.world)
    together = [run for run in runs_of(pipeline) if run.job_name == "transactions_sync"]
    assert [run.status for run in together] == [dg.DagsterRunStatus.SUCCESS] * 3
    entries = [pipeline.entry(TRANSACTIONS, run.run_id) for run in together]
    overtaken = [each for each in entries if "a fetch that began later was already merged" in each.description]
    assert [each.status for each in entries] == [
        "PartialSuccess" if each in overtaken else "Success" for each in entries
    ]
    assert len(overtaken) < len(entries)
    assert pipeline.rows("select count(*) from inn8.transactions where missing_since is not null") == [(0,)]


def test_a_run_waits_for_the_one_that_holds_the_lock_and_says_so(pipeline: Pipeline) -> None:
    with pipeline.engine.connect() as other:
        hold(other, CLIENTS)
        with begun(pipeline, CLIENTS):
            until(lambda: waits(CLIENTS) in said(pipeline))
            assert expected_rows.tables(pipeline)["clients"] == []
            other.rollback()
    (run,) = runs_of(pipeline)
    assert pipeline.entry(CLIENTS, run.run_id).status == "Success"
    assert expected_rows.tables(pipeline)["clients"] == expected_rows.of(pipeline.world)["clients"]


def said(pipeline: Pipeline) -> list[str]:
    return [line for run in runs_of(pipeline) for line in pipeline.lines(run.run_id)]


def test_a_sync_that_waits_longer_than_the_bound_fails_and_says_so(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN8_LOCK_SECONDS", "1")
    with pipeline.engine.connect() as other:
        hold(other, CLIENTS)
        run = pipeline.run(CLIENTS)
    entry = pipeline.entry(CLIENTS, run.run_id)
    assert entry.status == "Failed"
    assert "Another sync of clients" in entry.metadata["error_message"]
    assert expected_rows.tables(pipeline)["clients"] == []
