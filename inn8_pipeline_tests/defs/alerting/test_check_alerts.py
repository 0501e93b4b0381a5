"""Alerts about checks: a problem is posted once when it starts and once when it is over, over real sockets."""

import re

import pytest

from inn8_pipeline.defs.names import SCHEDULED_TAG, TICK_TAG
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.settings import Environment, read_sync
from inn8_pipeline_tests.defs.alerting.sensors import WEBHOOK_PATH, Receiver, SensorRunner
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import Pipeline


def test_a_problem_is_reported_once_and_once_more_when_it_is_over(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_checks")
    alerted.run(CLIENTS)
    sensor.evaluate()
    assert receiver.received == []
    alerted.server.faults.add("status", "clients", times=3, status=404)
    for _ in range(3):
        alerted.run(CLIENTS)
        sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith("Error: clients, check sync_log. Failed. INN8 refused GET /clients with 404")
    assert reported.endswith("https://dagster.firm.example/assets/clients?view=checks")
    (first,) = [each for each in sensor.messages if each.startswith("1 changes were posted; 1 incidents are open")]
    assert first.splitlines()[1:] == [reported]
    assert sensor.messages[0] == "0 changes were posted; 0 incidents are open or have just ended."
    alerted.run(CLIENTS)
    sensor.evaluate()
    sensor.evaluate()
    assert len(receiver.received) == 2
    assert receiver.received[1].startswith("Resolved: clients, check sync_log, after 1 min (")


def test_a_message_that_was_not_accepted_is_sent_by_the_next_evaluation(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_checks")
    alerted.server.faults.add("status", "clients", status=404)
    alerted.run(CLIENTS)
    receiver.statuses.append(500)
    sensor.evaluate()
    assert receiver.received == []
    assert "answered 500" in sensor.messages[0]
    assert "a-secret-path" not in sensor.messages[0]
    sensor.evaluate()
    assert len(receiver.received) == 1


def test_warnings_are_reported_unless_only_errors_are_wanted(
    new_pipeline: NewPipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = new_pipeline(invalid=1)
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", receiver.server.url_for(WEBHOOK_PATH))
    monkeypatch.setenv("INN8_ALERT_LEVEL", "error")
    pipeline.run(CLIENTS)
    sensor = SensorRunner(pipeline, "alert_failed_checks")
    sensor.evaluate()
    assert receiver.received == []
    monkeypatch.setenv("INN8_ALERT_LEVEL", "warning")
    sensor.evaluate()
    assert [text.split(".")[0] for text in receiver.received] == ["Warning: clients, check sync_log"]


def test_stale_data_is_reported_beside_a_sync_log_entry_with_a_warning(
    new_pipeline: NewPipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = new_pipeline(invalid=1)
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", receiver.server.url_for(WEBHOOK_PATH))
    sensor, freshness = SensorRunner(pipeline, "alert_failed_checks"), SensorRunner(pipeline, "watch_freshness")
    pipeline.run(CLIENTS)
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '80 minutes' where entity = 'clients'")
    for evaluation in freshness.evaluate():
        pipeline.instance.report_runless_asset_event(evaluation)
    sensor.evaluate()
    assert "Warning: clients, check sync_log." in receiver.received[0]
    assert "Error: clients, check freshness." in receiver.received[0]


def test_a_failed_run_of_other_days_does_not_count_as_the_schedules(alerted: Pipeline, receiver: Receiver) -> None:
    alerted.server.faults.add("status", "transactions", status=404)
    alerted.run(TRANSACTIONS)
    SensorRunner(alerted, "alert_failed_checks").evaluate()
    assert receiver.received == []


def test_the_alias_of_a_check_is_not_reported_beside_it(alerted: Pipeline, receiver: Receiver) -> None:
    alerted.run(CLIENTS)
    alerted.change("update inn8_raw.pages set record_count = record_count + 1")
    alerted.run(CLIENTS)
    SensorRunner(alerted, "alert_failed_checks").evaluate()
    (reported,) = receiver.received
    assert "Error: clients, check reconciliation." in reported
    assert "conservation" not in reported


def test_a_rebuild_does_not_end_an_outage(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_checks")
    alerted.run(CLIENTS)
    alerted.server.faults.add("status", "clients", status=404)
    alerted.run(CLIENTS)
    sensor.evaluate()
    assert alerted.run(CLIENTS, only=["clients"]).success
    sensor.evaluate()
    assert len(receiver.received) == 1
    alerted.run(CLIENTS)
    sensor.evaluate()
    assert receiver.received[1].startswith("Resolved: clients, check sync_log, after ")


def test_unlisted_values_are_not_over_while_the_column_is_blank(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_checks")
    sent = {record["id"]: record["status"] for record in alerted.world.records("clients")}
    for status in ("Dormant", None):
        for client_id in sent:
            alerted.world.corrupt("clients", client_id, status=status)
        alerted.run(CLIENTS)
        sensor.evaluate()
    assert not any("Resolved: clients, check unknown_values, after " in text for text in receiver.received)
    for client_id, status in sent.items():
        alerted.world.corrupt("clients", client_id, status=status)
    alerted.run(CLIENTS)
    sensor.evaluate()
    assert "Resolved: clients, check unknown_values, after " in receiver.received[-1]


def test_a_mass_change_that_a_tick_refuses_is_reported_by_the_next_evaluation_with_the_way_out(
    alerted: Pipeline, receiver: Receiver
) -> None:
    alerted.run(CLIENTS)
    phones = alerted.rows("select external_id, phone from inn8.clients order by 1")
    for record in list(alerted.world.records("clients")):
        alerted.world.put("clients", {name: record[name] for name in record if name != "phoneNumber"})
    alerted.run(CLIENTS, tags={TICK_TAG: "2026-11-26T10:15:00+00:00", SCHEDULED_TAG: "true"})
    assert alerted.rows("select external_id, phone from inn8.clients order by 1") == phones
    sensor = SensorRunner(alerted, "alert_failed_checks")
    sensor.evaluate()
    (reported,) = receiver.received
    assert reported.startswith(
        "Error: clients, check sync_log. Failed. The sync of clients would have changed too many"
    )
    assert re.search(r"phone would become empty in \d+ of 25 rows \(phoneNumber is in none of the records\)", reported)
    assert "`inn8 sync clients --tenant t1 --allow-changes` (in the launchpad: allow_changes: true)" in reported
    interval = alerted.definitions.resolve_sensor_def(sensor.name).minimum_interval_seconds
    assert interval is not None
    assert interval < 60 * read_sync(Environment()).tick_minutes
    alerted.run(CLIENTS, config={"allow_changes": True})
    assert {phone for _, phone in alerted.rows("select external_id, phone from inn8.clients")} == {""}
    sensor.evaluate()
    assert receiver.received[1].startswith("Resolved: clients, check sync_log, after ")
