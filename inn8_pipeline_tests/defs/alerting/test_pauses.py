"""An entity is paused by itself: the others go on, and nothing is called late."""

from datetime import timedelta

import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.instance import pauses
from inn8_pipeline.defs.jobs import pausing
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs.alerting.sensors import HEARTBEAT_PATH, Receiver, SensorRunner
from inn8_pipeline_tests.defs.alerting.test_heartbeat import before
from inn8_pipeline_tests.defs.forms import launch
from inn8_pipeline_tests.defs.pipelines import KEYS, TENANT, Pipeline

AGED = "update inn8_raw.landings set as_of_at = as_of_at - interval '2 hours' where entity = 'transactions'"
FORM = {"tenant_id": TENANT, "entity": "transactions"}


def test_an_entity_is_paused_by_itself_without_being_late(
    alerted: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat, freshness, alerts = (
        SensorRunner(alerted, name) for name in ("heartbeat", "watch_freshness", "alert_failed_checks")
    )

    def watch() -> list[bool]:
        """Evaluate freshness and the alerts; return whether the table that has changed is fresh."""
        found = freshness.evaluate()
        for each in found:
            assert each.asset_key == KEYS.key("transactions")
            alerted.instance.report_runless_asset_event(each)
        alerts.evaluate()
        return [each.passed for each in found]

    alerted.run(TRANSACTIONS)
    alerted.change(AGED)
    assert watch() == [False]
    monkeypatch.setattr(pauses, "now", lambda: now() - timedelta(hours=1))
    assert launch(alerted, pausing.PAUSE_JOB, **FORM, by="anne", reason="INN8 moves its data")[0]
    assert paused_in_sql(alerted) == [("transactions", "anne", "INN8 moves its data")]
    assert watch() == [True]
    late, over = receiver.received
    assert late.startswith("Error: transactions, check freshness.")
    assert over.startswith("Resolved: transactions, check freshness, after 1 min (")
    assert " paused since " in over
    assert " UTC by anne: INN8 moves its data" in over

    tick_at = before(minutes=15)
    for entity in (CLIENTS, PORTFOLIOS):
        alerted.run(entity, tags={names.TICK_TAG: TENANT, names.TICK_AT_TAG: tick_at.isoformat()})
    heartbeat.evaluate()
    assert receiver.received[2:] == [HEARTBEAT_PATH]

    assert launch(alerted, pausing.RESUME_JOB, **FORM)[0]
    assert paused_in_sql(alerted) == []
    assert watch() == [False]  # it was resumed an hour ago, by the clock of this test, and no tick has followed
    monkeypatch.setattr(pauses, "now", now)
    pauses.pause(alerted.instance, TENANT, TRANSACTIONS, "anne", "again")
    pauses.resume(alerted.instance, TENANT, TRANSACTIONS)
    assert watch() == [True]  # it has as long as after a sync


def test_readers_see_a_pause_that_began_or_ended_while_the_warehouse_was_away(pipeline: Pipeline) -> None:
    freshness = SensorRunner(pipeline, "watch_freshness")
    for reason in ("INN8 moves its data", "again"):
        pauses.pause(pipeline.instance, TENANT, CLIENTS, "anne", reason)
        freshness.evaluate()
        assert paused_in_sql(pipeline) == [("clients", "anne", reason)]
        pauses.resume(pipeline.instance, TENANT, CLIENTS)
    freshness.evaluate()
    assert paused_in_sql(pipeline) == []


def paused_in_sql(pipeline: Pipeline) -> list[tuple[str, str, str]]:
    """Return what a reader sees: the paused entities, who has paused them and why."""
    query = "select entity, paused_by, reason from inn8.paused_entities where paused_at <= now()"
    return [tuple(row) for row in pipeline.rows(query)]
