"""The weekly maintenance deletes what is old, with counts, and keeps what tables and days were last made from."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.jobs import maintenance
from inn8_pipeline.defs.names import CHECK_ALIASES
from inn8_pipeline.defs.runs import progress
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline, day_names


def maintain(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Run the job, and return the metadata of each of its steps."""
    job = pipeline.definitions.resolve_job_def(maintenance.JOB)
    result = job.execute_in_process(instance=pipeline.instance)
    metadata = {}
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.STEP_OUTPUT:
            metadata[str(event.step_key)] = {name: each.value for name, each in event.step_output_data.metadata.items()}
    return metadata


@pytest.fixture
def _in_a_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that is stored be old."""
    later = now() + timedelta(days=400)
    monkeypatch.setattr(maintenance, "now", lambda: later)


@pytest.mark.usefixtures("_in_a_year")
def test_old_runs_are_deleted_except_those_that_made_the_newest_data(pipeline: Pipeline) -> None:
    old = [pipeline.run(CLIENTS).run_id, pipeline.run(CLIENTS).run_id]
    days = pipeline.run(TRANSACTIONS).run_id
    done = maintain(pipeline)
    assert done["prune_runs"] == {"runs": 1, "runs_kept": 2}
    observed = pipeline.instance.fetch_observations(KEYS.key("transactions"), limit=1).records
    observation = observed[0].asset_observation
    assert observation is not None
    assert observation.metadata["report"].value == done["write_report"]["report"]
    assert "<h2>transactions</h2>" in Path(done["write_report"]["report"]).read_text(encoding="utf-8")
    assert not pipeline.instance.has_run(old[0])
    assert pipeline.instance.has_run(old[1])
    assert pipeline.instance.has_run(days)
    there = pipeline.instance.get_materialized_partitions(KEYS.key("transactions"))
    assert there == set(day_names(pipeline.window))
    assert [entry.run_id for entry in pipeline.log(CLIENTS)] == [old[1], old[0]]


@pytest.mark.usefixtures("_in_a_year")
def test_old_evaluations_are_deleted_except_the_newest_of_each_check_and_the_sync_log_of_whole_runs(
    pipeline: Pipeline,
) -> None:
    for _ in range(3):
        pipeline.run(CLIENTS)
    assert maintain(pipeline)["prune_checks"] == {"evaluations": 2 * len([*CHECKS, *CHECK_ALIASES])}
    assert len(pipeline.log(CLIENTS)) == 3
    keys = [dg.AssetCheckKey(KEYS.key("clients"), name) for name in CHECKS]
    newest = pipeline.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert {record.status.value for record in newest.values()} == {"SUCCEEDED"}
    assert len(newest) == len(CHECKS)


@pytest.mark.usefixtures("_in_a_year")
def test_old_entries_of_single_days_are_deleted_from_dagsters_storage_and_those_of_their_runs_stay(
    pipeline: Pipeline,
) -> None:
    for _ in range(2):
        pipeline.run(TRANSACTIONS)
    days = len(day_names(pipeline.window))
    assert len(pipeline.log(TRANSACTIONS)) == 2 * (1 + days)
    maintain(pipeline)
    assert [entry.day for entry in pipeline.log(TRANSACTIONS)] == [None, None]
    assert pipeline.rows("select count(*) from inn8.sync_log")[0][0] == 2


def test_the_sync_log_of_earlier_releases_is_copied_from_dagsters_storage_once(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.server.faults.add("status", "clients", status=404)
    pipeline.run(CLIENTS)
    columns = "run_id, entity, from_date, to_date, trigger, status, fetched, inserted, missing, message"
    query = f"select {columns} from inn8.sync_log order by run_id"
    before = pipeline.rows(query)
    pipeline.change("delete from inn8.sync_log_entries where entity <> 'portfolios'")
    assert maintain(pipeline)["copy_sync_log"] == {"entries": 3}
    assert pipeline.rows(query) == before
    assert maintain(pipeline)["copy_sync_log"] == {"entries": 0}


def test_young_evaluations_stay(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.run(CLIENTS)
    assert maintain(pipeline)["prune_checks"] == {"evaluations": 0}


def test_young_runs_stay(pipeline: Pipeline) -> None:
    run_id = pipeline.run(CLIENTS).run_id
    pipeline.run(CLIENTS)
    assert maintain(pipeline)["prune_runs"] == {"runs": 0, "runs_kept": 0}
    assert pipeline.instance.has_run(run_id)


def test_old_landings_pages_rejects_and_versions_are_deleted_and_the_next_sync_succeeds(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run(CLIENTS)
    pipeline.world.corrupt("clients", pipeline.world.records("clients")[0]["id"], fullName="Somebody Else")
    pipeline.run(CLIENTS)
    pipeline.change("update inn8_raw.landings set started_at = started_at - interval '100 days' where id = 1")
    counts = maintain(pipeline)["prune_warehouse"]
    assert counts == {
        "landings": 1, "broken_landings": 0, "pages": 1, "resolved_rejects": 0, "past_versions": 0,
        "are_pages_held": False,
    }  # fmt: skip
    again = pipeline.run(CLIENTS)
    assert pipeline.entry(CLIENTS, again.run_id).metadata["unchanged"] == 25
    assert pipeline.run(CLIENTS, only=["clients"]).success
    pipeline.change("update inn8_history.clients set valid_to = valid_to - interval '100 days'")
    monkeypatch.setenv("INN8_KEEP_HISTORY_DAYS", "99")
    assert maintain(pipeline)["prune_warehouse"]["past_versions"] == 1


@pytest.mark.usefixtures("_in_a_year")
def test_the_maintenance_says_in_its_log_how_far_it_has_come_if_it_takes_long(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        pipeline.run(CLIENTS)
    job = pipeline.definitions.resolve_job_def(maintenance.JOB)
    monkeypatch.setattr(progress, "FIRST_SECONDS", 600.0)
    quick = job.execute_in_process(instance=pipeline.instance)
    assert counted(pipeline, quick.run_id) == set()
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    pipeline.run(CLIENTS)
    monkeypatch.setenv("INN8_KEEP_HISTORY_DAYS", "99")
    heard: list[tuple[str, int, int | None]] = []
    with progress.listened(lambda *each: heard.append(each)):
        slow = job.execute_in_process(instance=pipeline.instance)
    assert [each for each in heard if each[0] == "deleting"] == [("deleting", number, 4) for number in (1, 2, 3, 4)]
    assert counted(pipeline, slow.run_id) == {
        "Deleting: 1 of 4 steps",
        "Examining old runs: 1 of 3 runs",
        "Copying the sync log: 1 of 3 tables",
        "Deleting evaluations: 1 of 1 assets",
    }


def counted(pipeline: Pipeline, run_id: str) -> set[str]:
    """Return the first of the lines of each step that say how far it has come, without the estimate."""
    found = (line.split(", about ") for line in pipeline.lines(run_id))
    return {parts[0] for parts in found if len(parts) == 2 and " 1 of " in parts[0] and parts[1].endswith(" s left.")}
