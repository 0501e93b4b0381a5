"""Alerts about runs: days of trade that were not loaded, and failures that no sync log entry reports."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import run_incidents
from inn8_pipeline.defs.jobs import maintenance
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Window
from inn8_pipeline_tests.defs.alerting.sensors import Receiver, SensorRunner
from inn8_pipeline_tests.defs.pipelines import Pipeline


@pytest.fixture
def loaded(alerted: Pipeline) -> Pipeline:
    """Return the pipeline with the parents of transactions merged."""
    assert alerted.run(CLIENTS).success
    assert alerted.run(PORTFOLIOS).success
    return alerted


def days_of(pipeline: Pipeline) -> list[Window]:
    """Return each day of the world as a window."""
    return [Window(day, day) for day in pipeline.window.days()]


def fail(pipeline: Pipeline, window: Window, tags: dict[str, str] | None = None) -> None:
    """Execute a run of these days that fails."""
    pipeline.server.faults.add("status", "transactions", status=404)
    assert not pipeline.run(TRANSACTIONS, window=window, tags=tags).success


def test_a_failed_maintenance_is_reported_and_so_is_its_next_success(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_runs")
    job = alerted.definitions.resolve_job_def(maintenance.JOB)
    alerted.server.faults.add("status", "clients", status=404)
    alerted.run(CLIENTS)  # its sync log reports it
    alerted.instance.report_run_failed(alerted.instance.create_run_for_job(job))
    for _ in range(2):
        sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith("Error: job inn8_maintenance. The run ")
    assert job.execute_in_process(instance=alerted.instance).success
    sensor.evaluate()
    assert receiver.received[1].startswith("Resolved: job inn8_maintenance, after ")


def test_a_failed_erasure_is_no_incident_because_the_command_says_why(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_runs")
    for name in (names.ERASE_JOB, maintenance.JOB):
        run = alerted.instance.create_run_for_job(alerted.definitions.resolve_job_def(name))
        alerted.instance.report_run_failed(run)
    sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith("Error: job inn8_maintenance. The run ")


def test_days_that_were_not_loaded_are_reported_until_a_run_has_loaded_them(
    loaded: Pipeline, receiver: Receiver
) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    first, *_, last = days_of(loaded)
    fail(loaded, first)
    loaded.run(TRANSACTIONS, window=last)
    for _ in range(2):
        sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith(f"Error: transactions, days {first}. The run ")
    loaded.run(TRANSACTIONS)
    sensor.evaluate()
    assert receiver.received[1].startswith(f"Resolved: transactions, days {first}, after 1 min (")


def test_days_that_several_runs_have_loaded_piece_by_piece_are_no_longer_reported(
    loaded: Pipeline, receiver: Receiver
) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    fail(loaded, loaded.window)
    sensor.evaluate()
    assert receiver.received[0].startswith(f"Error: transactions, days {loaded.window}. The run ")
    *earlier, last = days_of(loaded)
    for day in earlier:
        loaded.run(TRANSACTIONS, window=day)
        sensor.evaluate()
    assert len(receiver.received) == 1
    loaded.run(TRANSACTIONS, window=last)
    sensor.evaluate()
    assert receiver.received[1].startswith("Resolved: transactions, days ")


def test_days_of_a_sweep_end_with_the_ticks_and_sweeps_that_load_them(loaded: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    fail(loaded, loaded.window, tags=sweep_tags(loaded.window))
    sensor.evaluate()
    tick_tags = {names.TICK_TAG: "t1", **sweep_tags(loaded.window)}
    assert loaded.run(TRANSACTIONS, tags=tick_tags).success
    sensor.evaluate()
    assert [text.split(":")[0] for text in receiver.received] == ["Error", "Resolved"]


def sweep_tags(window: Window) -> dict[str, str]:
    return {names.RANGE_START_TAG: window.from_date.isoformat(), names.RANGE_END_TAG: window.to_date.isoformat()}


def test_a_rebuild_of_days_that_could_not_be_fetched_does_not_end_their_incident(
    loaded: Pipeline, receiver: Receiver
) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    assert loaded.run(TRANSACTIONS).success
    fail(loaded, loaded.window)
    assert loaded.run(TRANSACTIONS, only=["transactions", "securities"]).success
    sensor.evaluate()
    assert [text.split(":")[0] for text in receiver.received] == ["Error"]


def test_days_before_a_later_start_of_the_history_are_no_longer_reported(
    loaded: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    first, *_ = days_of(loaded)
    fail(loaded, first)
    sensor.evaluate()
    monkeypatch.setenv("INN8_TRANSACTIONS_FROM", loaded.window.to_date.isoformat())
    sensor.evaluate()
    assert receiver.received[1].startswith(f"Resolved: transactions, days {first}, after ")
    assert "The days are no longer synced, because they are before INN8_TRANSACTIONS_FROM." in receiver.received[1]


def test_a_failed_sweep_is_reported_after_a_day_without_webhook(
    loaded: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    fail(loaded, loaded.window)
    receiver.statuses.append(500)
    sensor.evaluate()
    assert receiver.received == []
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr(run_incidents, "now", lambda: tomorrow)
    sensor.evaluate()
    assert receiver.received[0].startswith(f"Error: transactions, days {loaded.window}.")


def test_a_sweep_that_failed_while_the_sensor_stood_still_for_hours_is_reported(
    loaded: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    sensor.evaluate()
    fail(loaded, loaded.window)
    later = datetime.now(UTC) + timedelta(hours=3)
    monkeypatch.setattr(run_incidents, "now", lambda: later)
    sensor.evaluate()
    assert receiver.received[0].startswith(f"Error: transactions, days {loaded.window}.")


def test_what_began_and_ended_without_webhook_is_reported_afterwards(loaded: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(loaded, "alert_failed_runs")
    fail(loaded, loaded.window)
    receiver.statuses.extend([500, 500])
    sensor.evaluate()
    loaded.run(TRANSACTIONS)
    sensor.evaluate()
    assert receiver.received == []
    for _ in range(2):
        sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith(f"Resolved already: transactions, days {loaded.window}, after 1 min (")


@pytest.mark.parametrize(
    ("job_name", "tags"),
    [
        # Dagster itself refuses these for jobs of assets.
        ("inn8_maintenance", {names.RANGE_START_TAG: "2026-11-20"}),
        ("inn8_maintenance", {names.RANGE_END_TAG: "2026-11-20"}),
        ("clients_sync", {names.RANGE_START_TAG: "yesterday", names.RANGE_END_TAG: "today"}),
        ("clients_sync", {names.RANGE_START_TAG: "2026-11-20", names.RANGE_END_TAG: "2026-11-01"}),
        ("clients_sync", {names.RANGE_START_TAG: "0001-01-01", names.RANGE_END_TAG: "9999-12-31"}),
        ("clients_sync", {names.PARTITION_TAG: "no-day"}),
        ("clients_sync", {names.TENANT_TAG: "of-nobody", names.TICK_TAG: "of-nobody", names.SCHEDULED_TAG: ""}),
    ],
    ids=str,
)
def test_a_run_with_odd_tags_does_not_keep_the_sensors_from_reporting_others(
    alerted: Pipeline, receiver: Receiver, job_name: str, tags: dict[str, str]
) -> None:
    for name, its_tags in ((job_name, tags), (maintenance.JOB, {})):
        job = alerted.definitions.resolve_job_def(name)
        alerted.instance.report_run_failed(alerted.instance.create_run_for_job(job, tags=its_tags))
    for name in ("alert_failed_checks", "alert_failed_runs", "heartbeat"):
        SensorRunner(alerted, name).evaluate()
    assert "Error: job inn8_maintenance." in receiver.received[0]


def test_seventy_two_failed_runs_are_one_line(alerted: Pipeline, receiver: Receiver) -> None:
    job = alerted.definitions.resolve_job_def("transactions_sync")
    days = days_of(alerted)
    for number in range(72):
        window = days[number % len(days)]
        run = alerted.instance.create_run_for_job(job, tags=sweep_tags(window))
        alerted.instance.report_run_failed(run)
    SensorRunner(alerted, "alert_failed_runs").evaluate()
    (reported,) = receiver.received
    assert reported.count("\n") == 0
    assert len(reported) < 500


def test_a_run_that_failed_after_its_log_said_success_is_reported(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_runs")
    run = alerted.run(CLIENTS).dagster_run
    alerted.instance.handle_run_event(
        run.run_id, dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, job_name=run.job_name)
    )
    sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith("Error: clients, job clients_sync. The run ")
    alerted.run(PORTFOLIOS)
    sensor.evaluate()
    assert len(receiver.received) == 1
    alerted.run(CLIENTS)
    sensor.evaluate()
    assert receiver.received[1].startswith("Resolved: clients, job clients_sync, after ")


def test_held_back_removals_of_a_backfill_are_reported_until_its_days_are_loaded_without(
    alerted: Pipeline, receiver: Receiver
) -> None:
    alerted.run_all()
    sensor = SensorRunner(alerted, "alert_failed_runs")
    removed = alerted.world.records("transactions")[:30]
    for record in removed:
        alerted.world.remove("transactions", record["id"])
    assert alerted.run(TRANSACTIONS).success
    sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith(
        f"Error: transactions, days {alerted.window}. PartialSuccess. INN8 no longer sends 30 rows"
    )
    assert alerted.run(TRANSACTIONS, config={"allow_removals": True}).success
    sensor.evaluate()
    assert receiver.received[1].startswith("Resolved: transactions, days ")
