"""Muted alerts are posted afterwards; the payload and the level of alerts are settings."""

from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer

from inn8_pipeline import notify
from inn8_pipeline.defs.instance import mutes
from inn8_pipeline.defs.instance.mutes import Mute
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS
from inn8_pipeline.settings import Environment, now, read_includes_warnings
from inn8_pipeline_tests.defs.alerting.sensors import Receiver, SensorRunner
from inn8_pipeline_tests.defs.pipelines import Pipeline


def test_what_began_while_alerts_were_muted_is_posted_afterwards(alerted: Pipeline, receiver: Receiver) -> None:
    sensor = SensorRunner(alerted, "alert_failed_checks")
    began = now() - timedelta(minutes=5)
    mutes.write(alerted.instance, Mute(began, began + timedelta(hours=2), "upgrade of Postgres"))
    alerted.server.faults.add("status", "clients", status=404)
    alerted.server.faults.add("status", "portfolios", status=404)
    for entity in (CLIENTS, PORTFOLIOS):
        alerted.run(entity)
        sensor.evaluate()
    alerted.run(CLIENTS)
    sensor.evaluate()
    assert receiver.received == []
    assert sensor.messages[-1].startswith("Alerts are muted from ")
    mutes.write(alerted.instance, Mute(began, now(), "upgrade of Postgres"))
    sensor.evaluate()
    (reported,) = receiver.received
    error, over = reported.split("\n")
    assert error.startswith("Error: portfolios, check sync_log. Failed.")
    assert over.startswith("Resolved already: clients, check sync_log, after 1 min (")


def test_a_mute_of_the_future_mutes_nothing_yet_and_one_that_cannot_be_read_mutes_nothing(alerted: Pipeline) -> None:
    mute = Mute(now() + timedelta(hours=1), now() + timedelta(hours=2), "planned")
    mutes.write(alerted.instance, mute)
    assert mutes.read(alerted.instance) == mute
    assert [mute.holds(now() + timedelta(minutes=each)) for each in (0, 90, 150)] == [False, True, False]
    alerted.instance.daemon_cursor_storage.set_cursor_values({"inn8/mute": "set by hand"})
    assert mutes.read(alerted.instance) is None


def test_the_payload_is_that_of_the_receiver(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    for payload in ("slack", "teams", "json"):
        notify.post(httpserver.url_for("/hook"), "Error: a <b>.\nResolved: c.", payload, [{"change": "error"}])
    slack, teams, plain = (request.get_json() for request, _ in httpserver.log)
    assert slack == {"text": "Error: a &lt;b&gt;.\nResolved: c."}
    (card,) = teams["attachments"]
    assert (teams["type"], card["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert [each["text"] for each in card["content"]["body"]] == ["Error: a <b>.", "Resolved: c."]
    assert plain == {"text": "Error: a <b>.\nResolved: c.", "changes": [{"change": "error"}]}


def test_a_change_is_an_object_for_programs(
    alerted: Pipeline, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/programs").respond_with_data("ok")
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", httpserver.url_for("/programs"))
    monkeypatch.setenv("INN8_ALERT_FORMAT", "json")
    alerted.server.faults.add("status", "clients", status=404)
    run = alerted.run(CLIENTS)
    SensorRunner(alerted, "alert_failed_checks").evaluate()
    (change,) = httpserver.log[-1][0].get_json()["changes"]
    wanted = {"change": "error", "tenant": "t1", "entity": "clients", "name": "sync_log", "run_id": run.run_id}
    assert {name: change[name] for name in wanted} == wanted


def test_the_level_of_a_tenant_falls_back_to_the_default_tenants() -> None:
    both = {"INN8_TENANTS": "t1,acme", "INN8_TENANT_ID": "t1"}
    levels = {
        ("", ""): (True, True),
        ("error", ""): (False, False),
        ("error", "warning"): (False, True),
        ("", "error"): (True, False),
    }
    for (default, acme), wanted in levels.items():
        environment = Environment({**both, "INN8_ALERT_LEVEL": default, "INN8_ACME__ALERT_LEVEL": acme})
        assert tuple(read_includes_warnings(environment, each) for each in ("t1", "acme")) == wanted
