"""The heartbeat: an outside address is called once after each tick whose syncs have all ended without an error."""

from datetime import datetime, timedelta

import dagster as dg
import pytest

from inn8_pipeline import notify
from inn8_pipeline.defs import names
from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, Entity
from inn8_pipeline.errors import NotifyError
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs.alerting.sensors import HEARTBEAT_PATH, Receiver, SensorRunner
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline


def before(**ago: int) -> datetime:
    """Return a recent whole minute."""
    return (now() - timedelta(**ago)).replace(second=0, microsecond=0)


def tick(pipeline: Pipeline, at: datetime, entities: tuple[Entity, ...] = tuple(ENTITIES)) -> None:
    """Execute the runs of a tick, as the schedule requests them."""
    context = dg.build_schedule_context(
        instance=pipeline.instance,
        scheduled_execution_time=at,
        repository_def=pipeline.definitions.get_repository_def(),
    )
    requested = pipeline.definitions.resolve_schedule_def("every_15_minutes").evaluate_tick(context)
    for entity, request in zip(ENTITIES, requested.run_requests or (), strict=True):
        if entity in entities:
            pipeline.run(entity, tags=request.tags)


def test_the_address_is_called_once_after_each_complete_tick(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "heartbeat")
    tick(alerted, before(minutes=45), (CLIENTS, PORTFOLIOS))
    sensor.evaluate()
    assert receiver.received == []
    tick(alerted, before(minutes=30))
    receiver.statuses.append(503)
    sensor.evaluate()
    assert receiver.received == []
    sensor.evaluate()
    sensor.evaluate()
    assert receiver.received == [HEARTBEAT_PATH]
    alerted.server.faults.add("status", "portfolios", status=404)
    tick(alerted, before(minutes=15))
    sensor.evaluate()
    assert receiver.received == [HEARTBEAT_PATH]


def test_a_tick_that_held_removals_back_has_no_heartbeat_and_does_not_hide_a_failure_after_it(
    alerted: Pipeline, receiver: Receiver
) -> None:
    sensor = SensorRunner(alerted, "heartbeat")
    complete_at = before(minutes=45)
    tick(alerted, complete_at)
    for record in alerted.world.records("clients")[:20]:
        alerted.world.remove("clients", record["id"])
    tick(alerted, before(minutes=30))
    tick(alerted, before(minutes=15))
    alerts = SensorRunner(alerted, "alert_failed_checks")
    alerts.evaluate()
    held = alerted.log(CLIENTS)[0]
    assert (held.status, held.severity) == ("PartialSuccess", "ERROR")
    sensor.evaluate()
    assert receiver.received[1:] == [HEARTBEAT_PATH]
    assert complete_at.isoformat() in str(sensor.cursor)
    alerted.server.faults.add("status", "clients", status=404)
    alerted.run(CLIENTS)
    alerts.evaluate()
    assert "Error: clients, check sync_log. PartialSuccess." in receiver.received[0]
    assert "Error: clients, check sync_log. Failed." in receiver.received[2]


@pytest.mark.slow
@pytest.mark.parametrize("tick_at", ["zzz", "9999-12-31T23:59:59+00:00", ""])
def test_a_manual_run_with_odd_tags_is_no_tick(alerted: Pipeline, receiver: Receiver, tick_at: str) -> None:
    sensor = SensorRunner(alerted, "heartbeat")
    tags = {names.TICK_TAG: TENANT, names.TICK_AT_TAG: tick_at} if tick_at else {names.TICK_TAG: TENANT}
    for entity in (CLIENTS, PORTFOLIOS):
        assert alerted.run(entity, tags=tags).success
    sensor.evaluate()
    assert receiver.received == []
    tick(alerted, before(minutes=15))
    sensor.evaluate()
    assert receiver.received == [HEARTBEAT_PATH]


def test_no_error_names_the_address_that_was_not_reached() -> None:
    with pytest.raises(NotifyError) as refused:
        notify.post("http://127.0.0.1:1/a-secret-path", "text")
    assert "a-secret-path" not in str(refused.value)


def test_a_heartbeat_is_sent_to_the_address_of_the_variable_that_the_error_names(receiver: Receiver) -> None:
    for wrong in ("no-address", "http://127.0.0.1:1"):
        with pytest.raises(NotifyError, match="Check INN8_ACME__HEARTBEAT_URL"):
            notify.ping(wrong, "INN8_ACME__HEARTBEAT_URL")
    notify.ping(receiver.server.url_for(HEARTBEAT_PATH), "INN8_ACME__HEARTBEAT_URL")
    assert receiver.received == [HEARTBEAT_PATH]
