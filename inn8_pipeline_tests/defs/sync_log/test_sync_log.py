"""The sync log has exactly one entry per run and entity, however the sync ends."""

import json
import logging
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Window
from inn8_pipeline.errors import SyncLockedError
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline_tests.defs import expected_rows
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import KEYS, Metadata, Pipeline, day_names


def test_a_sync_of_valid_records_is_a_success_with_one_entry_and_for_transactions_one_for_each_day(
    pipeline: Pipeline,
) -> None:
    for entity, run in pipeline.run_all().items():
        days = day_names(pipeline.window) if entity is TRANSACTIONS else []
        log = pipeline.log(entity, run.run_id)
        assert sorted(entry.day or "" for entry in log) == ["", *days]
        assert log[0].day is None
        assert {(entry.state, entry.status) for entry in log} == {("SUCCEEDED", "Success")}
        assert not [line for line in pipeline.lines(run.run_id) if "did not yield" in line]
        # The UI draws a plot of each numeric key, over all evaluations of the check: those of days must have none.
        numbers = {entry.day: list(filter(is_number(entry.metadata), entry.metadata)) for entry in log}
        of_run = numbers.pop(None)
        assert {"inserted", "updated", "error_count", "seconds", "record_count"} <= set(of_run)
        assert not {"fetched", "rejected"} & set(of_run)  # they are record_count and error_count
        assert list(numbers.values()) == [[]] * len(days)
        of_days = sum(entry.metadata["counts"]["inserted"] for entry in log if entry.day)
        assert of_days == (log[0].metadata["inserted"] if days else 0)


def is_number(metadata: Metadata) -> Callable[[str], bool]:
    return lambda name: isinstance(metadata[name], (int, float)) and not name.endswith("_at")


def test_rejected_records_make_a_partial_success_and_are_listed(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(invalid=2)
    for entity, run in pipeline.run_all().items():
        entry = pipeline.entry(entity, run.run_id)
        kept = pipeline.rows(f"select reason_code, reason from inn8.rejected_records where entity = '{entity}'")
        assert run.success
        assert (entry.status, entry.severity, entry.metadata["error_count"]) == ("PartialSuccess", "WARN", 2)
        assert len(kept) == 2
        assert all(code and reason for code, reason in kept)
        assert pipeline.rows(f"select count(*) from inn8.{entity}")[0][0] == entry.metadata["record_count"] - 2


def test_an_empty_response_is_no_data_and_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    before = pipeline.rows("select *, xmin::text from inn8.clients order by id")
    pipeline.server.faults.add("body", "clients", text="[]")
    run = pipeline.run(CLIENTS)
    entry = pipeline.entry(CLIENTS, run.run_id)
    assert (run.success, entry.status, entry.severity) == (True, "NoData", "WARN")
    assert entry.description.endswith(
        "INN8 sent no records. All rows keep their values, and none was marked as missing."
    )
    assert pipeline.rows("select *, xmin::text from inn8.clients order by id") == before


def test_an_empty_response_that_marks_rows_as_missing_says_how_many(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.server.faults.add("body", "transactions", text="[]")
    run = pipeline.run(TRANSACTIONS, config={"allow_removals": True})
    entry = pipeline.entry(TRANSACTIONS, run.run_id)
    ((missing,),) = pipeline.rows("select count(*) from inn8.transactions where missing_since is not null")
    assert missing > 0
    assert entry.status == "NoData"
    assert f"INN8 sent no records. {missing} rows were marked as missing and 0 as removed" in entry.description


def test_a_500_followed_by_an_empty_array_succeeds_and_the_retry_is_a_warning_in_the_log(pipeline: Pipeline) -> None:
    pipeline.server.faults.add("status", "clients", status=500)
    pipeline.server.faults.add("body", "clients", text="[]")
    run = pipeline.run(CLIENTS)
    assert run.success
    assert pipeline.entry(CLIENTS, run.run_id).status == "NoData"
    (line,) = [each for each in pipeline.lines(run.run_id, logging.WARNING) if "Retry 1 follows in" in each]
    assert "GET /clients failed: INN8 answered 500" in line


def test_while_clients_are_down_their_log_says_failed_and_the_others_are_in(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.server.faults.add("status", "clients", times=None, status=503)
    runs = pipeline.run_all()
    entry = pipeline.entry(CLIENTS, runs[CLIENTS].run_id)
    assert not runs[CLIENTS].success
    assert (entry.status, entry.severity) == ("Failed", "ERROR")
    assert entry.metadata["error_message"].startswith("GET /clients failed 4 times in a row: INN8 answered 503.")
    assert len(pipeline.log(CLIENTS, runs[CLIENTS].run_id)) == 1
    others = (PORTFOLIOS, TRANSACTIONS)
    assert [pipeline.entry(entity, runs[entity].run_id).status for entity in others] == ["Success"] * 2


def test_a_fetch_of_days_that_fails_is_logged_for_the_run_and_each_day(pipeline: Pipeline) -> None:
    pipeline.server.faults.add("status", "transactions", times=None, status=404)
    run = pipeline.run(TRANSACTIONS)
    log = pipeline.log(TRANSACTIONS, run.run_id)
    assert not run.success
    assert sorted(entry.day or "" for entry in log) == ["", *day_names(pipeline.window)]
    assert {(entry.state, entry.status) for entry in log} == {("FAILED", "Failed")}


def test_a_merge_that_would_reject_most_records_fails_and_writes_nothing(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    before = expected_rows.tables(pipeline)
    for record in pipeline.world.records("clients")[:20]:
        pipeline.world.corrupt("clients", record["id"], fullName=None)
    run = pipeline.run(CLIENTS)
    entry = pipeline.entry(CLIENTS, run.run_id)
    assert (entry.status, len(pipeline.log(CLIENTS, run.run_id))) == ("Failed", 1)
    assert entry.metadata["error_message"].startswith("20 of 25 clients would have been rejected (missing_field 20)")
    assert expected_rows.tables(pipeline) == before


def test_rows_are_held_back_from_removal_until_one_run_allows_it(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    for record in pipeline.world.records("clients")[:10]:
        pipeline.world.remove("clients", record["id"])
    held = pipeline.entry(CLIENTS, pipeline.run(CLIENTS).run_id)
    assert (held.status, held.severity) == ("PartialSuccess", "ERROR")
    assert (
        "`inn8 sync clients --tenant t1 --allow-removals` (in the launchpad: allow_removals: true)" in held.description
    )
    assert pipeline.rows("select count(*) from inn8.clients where missing_since is not null")[0][0] == 0
    allowed = pipeline.run(CLIENTS, config={"allow_removals": True})
    assert pipeline.entry(CLIENTS, allowed.run_id).status == "Success"
    assert pipeline.rows("select count(*) from inn8.clients where missing_since is not null")[0][0] == 10


def test_accepted_duplicates_stay_visible_in_the_entry_and_in_the_run(pipeline: Pipeline) -> None:
    clients = pipeline.world.records("clients")
    pipeline.server.faults.add("no_total", "clients", times=None)
    pipeline.server.faults.add("body", "clients", page=2, times=None, text=json.dumps([*clients[20:], clients[0]]))
    run = pipeline.run(CLIENTS)
    entry = pipeline.entry(CLIENTS, run.run_id)
    assert (entry.status, entry.metadata["duplicate"]) == ("PartialSuccess", 1)
    assert "INN8 sent some ids on more than one page" in entry.description
    assert [line for line in pipeline.lines(run.run_id, logging.WARNING) if "1 ids on more than one page" in line]


def test_a_day_with_an_id_twice_is_no_success_and_the_other_days_are(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run_all()
    monkeypatch.setenv("INN8_PAGE_SIZE", "100")
    sent = pipeline.world.records("transactions")[5]
    pipeline.world.duplicate("transactions", sent["id"])
    run = pipeline.run(TRANSACTIONS)
    entry = pipeline.entry(TRANSACTIONS, run.run_id)
    assert (entry.status, entry.metadata["duplicate"], entry.severity) == ("PartialSuccess", 1, "WARN")
    assert "1 records have the id of another record of the same fetch" in entry.description
    log = pipeline.log(TRANSACTIONS, run.run_id)
    assert [each.day for each in log if each.day and each.status != "Success"] == [sent["tradeDate"][:10]]


def test_a_mass_change_is_a_failed_sync_until_one_run_allows_it(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    before = expected_rows.tables(pipeline)
    for record in list(pipeline.world.records("clients")):
        pipeline.world.put("clients", {**record, "status": "dormant"})
    entry = pipeline.entry(CLIENTS, pipeline.run(CLIENTS).run_id)
    assert (entry.status, entry.severity) == ("Failed", "ERROR")
    assert "status would become unknown in 24 of 25 rows" in entry.metadata["error_message"]
    assert expected_rows.tables(pipeline) == before
    allowed = pipeline.run(CLIENTS, config={"allow_changes": True})
    assert pipeline.entry(CLIENTS, allowed.run_id).status == "Success"
    assert pipeline.entry(CLIENTS, pipeline.run(CLIENTS).run_id).status == "Success"


def test_a_rebuild_that_fails_half_way_says_which_days_it_has_written(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for entity in (CLIENTS, PORTFOLIOS):
        pipeline.run(entity)
    first, *others = pipeline.window.days()
    pipeline.run(TRANSACTIONS, window=Window(first, first))
    pipeline.run(TRANSACTIONS, window=Window(others[0], others[-1]))
    pipeline.change("update inn8.transactions set amount = amount + 1")

    def merge_one(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if merged:
            raise SyncLockedError("transactions", 600)
        merged.append(1)
        return merge_landing(*arguments, **options)

    merged = list[int]()
    monkeypatch.setattr("inn8_pipeline.sync.merge_landing", merge_one)
    run = pipeline.run(TRANSACTIONS, only=["transactions", "securities"], config={"allow_changes": True})
    message = pipeline.entry(TRANSACTIONS, run.run_id).metadata["error_message"]
    assert f"The 1 days that were merged before it, from {first} to {first}, are written and stay" in message


def test_a_run_of_transactions_without_days_fails_and_says_what_to_choose(pipeline: Pipeline) -> None:
    run = pipeline.run(TRANSACTIONS, tags={})
    assert not run.success
    assert "No days of trade were chosen" in str(run.failure_data_for_node("raw_transactions"))
    assert "No days of trade were chosen" in pipeline.entry(TRANSACTIONS, run.run_id).description
    assert pipeline.server.stats.requests.total() == 0


@pytest.mark.parametrize("is_canceled", [True, False])
def test_a_run_that_died_gets_its_failed_entries_exactly_once(pipeline: Pipeline, *, is_canceled: bool) -> None:
    job = pipeline.definitions.resolve_job_def("transactions_sync")
    run = pipeline.instance.create_run_for_job(job, tags=range_tags(pipeline.window))
    if is_canceled:
        pipeline.instance.report_run_canceled(run)
    else:
        pipeline.instance.report_run_failed(run)
    for _ in range(2):
        killed_runs.write_missing(pipeline.instance, run, "It was killed.")
    log = pipeline.log(TRANSACTIONS, run.run_id)
    written = pipeline.events(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert len(written) == len(log)  # the check's history would show a second one as one
    assert sorted(entry.day or "" for entry in log) == ["", *day_names(pipeline.window)]
    assert {(entry.status, entry.metadata["error_message"]) for entry in log} == {("Failed", "It was killed.")}


def test_waiting_runs_that_are_canceled_at_once_have_one_entry_each_after_one_look(pipeline: Pipeline) -> None:
    job = pipeline.definitions.resolve_job_def("clients_sync")
    runs = [pipeline.instance.create_run_for_job(job) for _ in range(10)]
    for run in runs:
        pipeline.instance.report_run_canceled(run)
    sensor = killed_runs.sensor([KEYS])
    for _ in range(2):
        sensor.evaluate_tick(dg.build_sensor_context(pipeline.instance))
    log = pipeline.log(CLIENTS)
    assert sorted(entry.run_id for entry in log) == sorted(run.run_id for run in runs)
    assert {entry.metadata["error_message"].partition(".")[0] for entry in log} == {"The run was canceled"}
    logged = pipeline.rows("select run_id, status from inn8.sync_log")
    assert sorted(logged) == sorted((run.run_id, "Failed") for run in runs)


def test_a_run_that_logged_its_end_is_left_alone_by_the_sensors(pipeline: Pipeline) -> None:
    pipeline.server.faults.add("status", "clients", status=404)
    run = pipeline.run(CLIENTS)
    before = pipeline.log(CLIENTS)
    killed_runs.write_missing(pipeline.instance, run.dagster_run, "It was killed.")
    assert pipeline.log(CLIENTS) == before
    assert (
        len(
            list(
                pipeline.instance.get_records_for_run(
                    run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
                ).records
            )
        )
        == 1
    )


def test_a_rebuild_is_logged_with_its_own_start_and_not_with_that_of_its_landing(pipeline: Pipeline) -> None:
    fetched = pipeline.run(CLIENTS)
    landed_at = pipeline.rows("select started_at from inn8_raw.landings")[0][0].timestamp()
    assert pipeline.entry(CLIENTS, fetched.run_id).metadata["started_at"] == pytest.approx(landed_at, abs=0.001)
    pipeline.change("update inn8_raw.landings set started_at = started_at - interval '1 day'")
    began_at = now().timestamp()
    rebuilt = pipeline.run(CLIENTS, only=["clients"])
    entry = pipeline.entry(CLIENTS, rebuilt.run_id)
    assert began_at <= entry.metadata["started_at"] <= entry.metadata["ended_at"] <= now().timestamp()
