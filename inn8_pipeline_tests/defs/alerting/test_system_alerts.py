"""Each thing that is watched is broken, and named by an alert within two ticks; the doctor's tests break them too."""

import re
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy

from inn8_pipeline.defs.alerting import sensors, system_incidents
from inn8_pipeline.defs.instance import capacity, mutes, pauses
from inn8_pipeline.defs.instance.internals import SINGLETON_REPOSITORY_NAME, RemoteJobOrigin, RemoteRepositoryOrigin
from inn8_pipeline.defs.instance.late_internals import InstigatorStatus, TickStatus
from inn8_pipeline.defs.instance.mutes import Mute
from inn8_pipeline.defs.names import WATCH_SYSTEM
from inn8_pipeline.defs.schedules.schedules import TICK_SCHEDULE
from inn8_pipeline.defs.watching import storage_capacity
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs.alerting.sensors import HEARTBEAT_PATH, Receiver, SensorRunner
from inn8_pipeline_tests.defs.pipelines import KEYS, TENANT, Pipeline
from inn8_pipeline_tests.defs.schedule_states import LOCATION, record_sensor, record_state, record_tick


def test_a_blocked_queue_is_reported_without_the_stale_data_that_it_causes(
    alerted: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN8_TIMEZONE", "Africa/Johannesburg")
    alerts, freshness = SensorRunner(alerted, "alert_failed_checks"), SensorRunner(alerted, "watch_freshness")
    alerted.run(CLIENTS)
    alerted.change("update inn8_raw.landings set as_of_at = as_of_at - interval '36 minutes'")
    for evaluation in freshness.evaluate():
        alerted.instance.report_runless_asset_event(evaluation)
    job = alerted.definitions.resolve_job_def("clients_sync")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, SINGLETON_REPOSITORY_NAME), job.name)
    queued = dg.DagsterRunStatus.QUEUED
    waiting = alerted.instance.create_run_for_job(job, status=queued, remote_job_origin=origin).run_id
    engine = sqlalchemy.create_engine(alerted.storage_url)
    with engine.begin() as connection:
        aged = "update runs set create_timestamp = create_timestamp - interval '36 minutes' where run_id = :id"
        connection.execute(sqlalchemy.text(aged), {"id": waiting})
    engine.dispose()
    alerts.evaluate()
    (reported,) = receiver.received
    assert re.match(
        r"Error: queue of runs\. 1 runs are queued, the oldest since [-0-9: ]+ SAST, [-0-9: ]+ UTC", reported
    )
    assert "freshness" not in reported
    alerted.instance.delete_run(waiting)
    alerts.evaluate()
    late, over = receiver.received[1].split("\n")
    assert late.startswith("Warning: clients, check freshness.")
    assert over.startswith("Resolved: queue of runs, after 1 min")


def test_a_schedule_that_is_off_is_reported_once_without_the_stale_data_that_it_causes(
    alerted: Pipeline, receiver: Receiver
) -> None:
    of_checks, of_runs, freshness = (
        SensorRunner(alerted, name) for name in ("alert_failed_checks", "alert_failed_runs", "watch_freshness")
    )

    def evaluate() -> None:
        of_checks.evaluate()
        of_runs.evaluate()

    alerted.run(CLIENTS)
    alerted.change("update inn8_raw.landings set as_of_at = as_of_at - interval '36 minutes'")
    for evaluation in freshness.evaluate():
        alerted.instance.report_runless_asset_event(evaluation)
    record_state(alerted.instance, TICK_SCHEDULE, InstigatorStatus.STOPPED)
    evaluate()
    evaluate()
    (reported,) = receiver.received
    assert reported.startswith(f"Error: schedule {TICK_SCHEDULE}. It was turned off: nothing is synced")
    record_state(alerted.instance, TICK_SCHEDULE, InstigatorStatus.RUNNING, now())
    evaluate()
    (over,) = receiver.received[1:]
    assert over.startswith(f"Resolved: schedule {TICK_SCHEDULE}, after 1 min")
    record_state(alerted.instance, TICK_SCHEDULE, InstigatorStatus.RUNNING, now() - timedelta(minutes=21))
    evaluate()  # its next tick has synced nothing
    (late,) = receiver.received[2:]
    assert late.startswith("Warning: clients, check freshness.")


def test_a_schedule_that_is_stuck_is_reported_within_two_ticks(
    alerted: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts, last = SensorRunner(alerted, "alert_failed_runs"), now().replace(minute=0, second=0, microsecond=0)
    schedule = record_state(alerted.instance, TICK_SCHEDULE, InstigatorStatus.DECLARED_IN_CODE)
    record_tick(alerted.instance, schedule, last, TickStatus.SKIPPED)
    for minutes in range(1, 2 * 15, 4):
        monkeypatch.setattr(sensors, "now", lambda after=minutes: last + timedelta(minutes=after))
        alerts.evaluate()
    (reported,) = receiver.received
    assert reported.startswith(f"Warning: schedule {TICK_SCHEDULE}. No tick since ")
    assert " UTC; 1 were due. Nothing is synced by this schedule." in reported


def test_a_run_that_nobody_ended_at_its_time_limit_is_reported(alerted: Pipeline, receiver: Receiver) -> None:
    job = alerted.definitions.resolve_job_def("clients_sync")
    run_id = alerted.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED).run_id
    engine = sqlalchemy.create_engine(alerted.storage_url)
    with engine.begin() as connection:
        began = "update runs set start_time = extract(epoch from now() - interval '136 minutes') where run_id = :id"
        connection.execute(sqlalchemy.text(began), {"id": run_id})
    engine.dispose()
    SensorRunner(alerted, "alert_failed_checks").evaluate()
    (reported,) = receiver.received
    assert reported.startswith(f"Error: queue of runs. The run {run_id[:8]} (clients_sync) has exceeded its time ")


def test_a_schedule_that_is_off_does_not_hide_stale_data_if_no_sensor_reports_the_schedule(
    pipeline: Pipeline,
) -> None:
    record_state(pipeline.instance, TICK_SCHEDULE, InstigatorStatus.STOPPED)
    quiet = system_incidents.tenants_without_ticks(pipeline.instance, [KEYS], 15, now())
    assert list(quiet) == [KEYS]
    record_sensor(pipeline.instance, "alert_failed_runs", InstigatorStatus.STOPPED)
    assert not system_incidents.tenants_without_ticks(pipeline.instance, [KEYS], 15, now())


def test_a_schedule_that_is_off_is_not_reported_while_alerts_are_muted_or_all_that_it_syncs_is_paused(
    alerted: Pipeline, receiver: Receiver
) -> None:
    of_runs = SensorRunner(alerted, "alert_failed_runs")
    record_state(alerted.instance, TICK_SCHEDULE, InstigatorStatus.STOPPED)
    record_state(alerted.instance, "nightly_sweep", InstigatorStatus.STOPPED)
    for entity in ENTITIES:
        pauses.pause(alerted.instance, TENANT, entity, "anne", "INN8 moves")
    of_runs.evaluate()
    mutes.write(alerted.instance, Mute(now(), now() + timedelta(hours=2), "INN8 moves"))
    pauses.resume(alerted.instance, TENANT, CLIENTS)
    of_runs.evaluate()
    assert receiver.received == []
    mutes.write(alerted.instance, None)
    of_runs.evaluate()
    (reported,) = receiver.received
    assert reported.startswith(f"Error: schedule {TICK_SCHEDULE}. It was turned off: ")
    assert "sweep" not in reported  # transactions, which it syncs, are still paused
    pauses.pause(alerted.instance, TENANT, CLIENTS, "anne", "INN8 moves")
    of_runs.evaluate()
    assert "each entity that it syncs is paused" in receiver.received[1]


def test_a_nearly_full_disk_is_reported(alerted: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = SensorRunner(alerted, "alert_failed_checks")
    with monkeypatch.context() as full:
        full.setattr(capacity, "free_bytes", lambda _: 1_900_000_000)
        alerts.evaluate()
    alerts.evaluate()
    reported, over = receiver.received
    assert reported.startswith("Error: disk of DAGSTER_HOME. Only 1.9 GB are free")
    assert over.startswith("Resolved: disk of DAGSTER_HOME, after 1 min")


def test_connections_that_stay_nearly_used_up_are_reported_and_a_peak_is_not(
    alerted: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts, doctor = SensorRunner(alerted, "alert_failed_checks"), SensorRunner(alerted, WATCH_SYSTEM)
    for minutes, most in ((0, 0), (4, 100), (8, 0), (12, 0), (16, 0), (20, 100)):
        monkeypatch.setattr(storage_capacity, "MAX_CONNECTIONS_PERCENT", most)
        monkeypatch.setattr(sensors, "now", lambda after=minutes: now() + timedelta(minutes=after))
        for evaluation in doctor.evaluate():
            alerted.instance.report_runless_asset_event(evaluation)
        alerts.evaluate()
    reported, over = receiver.received
    assert reported.startswith("Error: connections of Postgres. ")
    assert "Find who holds them" in reported
    assert over.startswith("Resolved: connections of Postgres, after 12 min")


def test_a_sensor_that_is_off_or_fails_is_reported_also_one_that_alerts_itself(
    alerted: Pipeline, receiver: Receiver
) -> None:
    of_checks, of_runs = (SensorRunner(alerted, name) for name in ("alert_failed_checks", "alert_failed_runs"))
    failing = record_sensor(alerted.instance, "watch_runs", InstigatorStatus.RUNNING)
    record_tick(alerted.instance, failing, now(), TickStatus.FAILURE)
    for name in ("watch_freshness", "alert_failed_checks", "alert_failed_runs"):
        record_sensor(alerted.instance, name, InstigatorStatus.STOPPED)
    of_checks.evaluate()
    of_runs.evaluate()
    first, second = receiver.received
    assert sorted(line.split(". ")[0] for line in first.split("\n")) == [
        "Error: sensor alert_failed_checks",
        "Error: sensor alert_failed_runs",
        "Error: sensor watch_freshness",
        "Error: sensor watch_runs",
    ]
    assert second.startswith("Error: sensor alert_failed_checks. It was turned off. Turn it on")
    record_tick(alerted.instance, failing, now() + timedelta(seconds=1), TickStatus.SKIPPED)
    record_sensor(alerted.instance, "watch_freshness", InstigatorStatus.RUNNING)
    of_checks.evaluate()
    assert receiver.received[2].count("Resolved: sensor watch_") == 2


def test_an_address_that_accepts_no_alerts_for_two_ticks_ends_the_heartbeat(
    alerted: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts, heartbeat = SensorRunner(alerted, "alert_failed_checks"), SensorRunner(alerted, "heartbeat")
    monkeypatch.setattr(capacity, "free_bytes", lambda _: 0)
    receiver.statuses.extend([503] * 10)
    with monkeypatch.context() as earlier:
        for minutes in range(36, -1, -4):
            earlier.setattr(sensors, "now", lambda ago=minutes: now() - timedelta(minutes=ago))
            alerts.evaluate()
    record_sensor(alerted.instance, alerts.name, InstigatorStatus.RUNNING, alerts.cursor)
    heartbeat.evaluate()
    assert heartbeat.messages[0].startswith("INN8_ALERT_WEBHOOK has accepted no alert since ")
    alerts.evaluate()
    assert receiver.received[0].startswith("Error: disk of DAGSTER_HOME.")
    record_sensor(alerted.instance, alerts.name, InstigatorStatus.RUNNING, alerts.cursor)
    heartbeat.evaluate()
    assert heartbeat.messages[1].startswith("The heartbeat was last sent for these ticks")
    assert HEARTBEAT_PATH not in receiver.received
