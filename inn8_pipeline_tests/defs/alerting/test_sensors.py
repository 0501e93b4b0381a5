"""Freshness, alerts and the heartbeat: what the sensors find, tell and remember, over real sockets."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from inn8_pipeline import notify
from inn8_pipeline.defs import maintenance, names
from inn8_pipeline.defs.alerting import incidents
from inn8_pipeline.defs.alerting.incidents import Incident
from inn8_pipeline.defs.build import build
from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS, Entity, Window
from inn8_pipeline.errors import NotifyError
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline

WEBHOOK = "/services/T0/a-secret-path"


@dataclass
class Watcher:
    """A sensor of the definitions, evaluated tick after tick as the daemon does: the cursor is kept."""

    pipeline: Pipeline
    name: str
    cursor: str | None = None
    said: list[str] = field(default_factory=list)

    def look(self) -> list[dg.AssetCheckEvaluation]:
        """One tick; the events that it asks for, which the daemon would store."""
        definitions = self.pipeline.definitions
        context = dg.build_sensor_context(
            instance=self.pipeline.instance, cursor=self.cursor, repository_def=definitions.get_repository_def()
        )
        told = definitions.resolve_sensor_def(self.name).evaluate_tick(context)
        self.cursor = told.cursor
        self.said.append(told.skip_message or "")
        return [event for event in told.asset_events if isinstance(event, dg.AssetCheckEvaluation)]


@dataclass(frozen=True)
class Ears:
    """A server that hears what is posted or called."""

    server: HTTPServer
    heard: list[str]
    statuses: list[int]

    def answer(self, request: Request) -> Response:
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.heard.append(json.loads(request.data)["text"] if request.data else request.path)
        return Response(status=status)


@pytest.fixture
def ears(httpserver: HTTPServer) -> Ears:
    listening = Ears(httpserver, [], [])
    for path in (WEBHOOK, "/ping"):
        httpserver.expect_request(path).respond_with_handler(listening.answer)
    return listening


@pytest.fixture
def watched(pipeline: Pipeline, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", ears.server.url_for(WEBHOOK))
    monkeypatch.setenv("INN8_HEARTBEAT_URL", ears.server.url_for("/ping"))
    monkeypatch.setenv("INN8_UI_URL", "https://dagster.firm.example/")
    return replace(pipeline, definitions=build(Environment()))


def status(definitions: dg.Definitions, name: str) -> dg.DefaultSensorStatus:
    return definitions.resolve_sensor_def(name).default_status


def test_who_tells_somebody_is_off_until_it_is_said_whom(pipeline: Pipeline, watched: Pipeline) -> None:
    telling = ("alert_failed_checks", "alert_failed_runs", "heartbeat")
    assert {status(pipeline.definitions, name) for name in telling} == {dg.DefaultSensorStatus.STOPPED}
    assert {status(watched.definitions, name) for name in telling} == {dg.DefaultSensorStatus.RUNNING}
    assert status(pipeline.definitions, "watch_freshness") is dg.DefaultSensorStatus.RUNNING


def test_freshness_is_evaluated_when_its_answer_changes_and_not_in_between(pipeline: Pipeline) -> None:
    watcher = Watcher(pipeline, "watch_freshness")
    assert watcher.look() == []  # nothing was ever synced, so nothing is late
    pipeline.run_all()
    assert watcher.look() == []
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '40 minutes' where entity = 'clients'")
    (late,) = watcher.look()
    assert (late.asset_key, late.check_name, late.passed) == (KEYS.key("clients"), names.FRESHNESS, False)
    assert late.severity is dg.AssetCheckSeverity.WARN
    assert watcher.look() == []
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '40 minutes' where entity = 'clients'")
    (failed,) = watcher.look()
    assert failed.severity is dg.AssetCheckSeverity.ERROR
    pipeline.run(CLIENTS)
    (fresh,) = watcher.look()
    assert fresh.passed


def test_a_trouble_is_told_once_and_once_more_when_it_is_over(watched: Pipeline, ears: Ears) -> None:
    watcher = Watcher(watched, "alert_failed_checks")
    watched.run(CLIENTS)
    watcher.look()
    assert ears.heard == []
    watched.server.faults.add("status", "clients", times=3, status=404)
    for _ in range(3):
        watched.run(CLIENTS)
        watcher.look()
    (told,) = ears.heard
    assert told.startswith("Error: clients, check sync_log. Failed. INN8 refused GET /clients with 404")
    assert told.endswith("https://dagster.firm.example/assets/clients?view=checks")
    watched.run(CLIENTS)
    watcher.look()
    watcher.look()
    assert len(ears.heard) == 2
    assert ears.heard[1].startswith("Over: clients, check sync_log. It had begun at ")


def test_a_message_that_was_not_taken_is_sent_with_the_next_look(watched: Pipeline, ears: Ears) -> None:
    watcher = Watcher(watched, "alert_failed_checks")
    watched.server.faults.add("status", "clients", status=404)
    watched.run(CLIENTS)
    ears.statuses.append(500)
    watcher.look()
    assert ears.heard == []
    assert "answered 500" in watcher.said[0]
    assert "a-secret-path" not in watcher.said[0]
    watcher.look()
    assert len(ears.heard) == 1


def test_warnings_are_told_unless_errors_alone_are_wanted(
    new_pipeline: NewPipeline, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = new_pipeline(faulty=1)
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", ears.server.url_for(WEBHOOK))
    monkeypatch.setenv("INN8_ALERT_LEVEL", "error")
    pipeline.run(CLIENTS)
    watcher = Watcher(pipeline, "alert_failed_checks")
    watcher.look()
    assert ears.heard == []
    monkeypatch.setenv("INN8_ALERT_LEVEL", "warning")
    watcher.look()
    assert [text.split(".")[0] for text in ears.heard] == ["Warning: clients, check sync_log"]


def test_that_no_sync_comes_any_more_is_told_beside_a_log_that_warns(
    new_pipeline: NewPipeline, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = new_pipeline(faulty=1)
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", ears.server.url_for(WEBHOOK))
    watcher, freshness = Watcher(pipeline, "alert_failed_checks"), Watcher(pipeline, "watch_freshness")
    pipeline.run(CLIENTS)
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '80 minutes' where entity = 'clients'")
    for evaluation in freshness.look():
        pipeline.instance.report_runless_asset_event(evaluation)
    watcher.look()
    assert "Warning: clients, check sync_log." in ears.heard[0]
    assert "Error: clients, check freshness." in ears.heard[0]


def test_a_failed_maintenance_is_told_and_so_is_its_next_success(watched: Pipeline, ears: Ears) -> None:
    watcher = Watcher(watched, "alert_failed_runs")
    job = watched.definitions.resolve_job_def(maintenance.JOB)
    watched.server.faults.add("status", "clients", status=404)
    watched.run(CLIENTS)  # its sync log tells of it
    watched.instance.report_run_failed(watched.instance.create_run_for_job(job))
    for _ in range(2):
        watcher.look()
    (told,) = ears.heard
    assert told.startswith("Error: job inn8_maintenance. Run ")
    assert job.execute_in_process(instance=watched.instance).success
    watcher.look()
    assert ears.heard[1].startswith("Over: job inn8_maintenance.")


def test_days_that_could_not_be_loaded_are_told_until_a_run_that_covers_them_succeeds(
    watched: Pipeline, ears: Ears
) -> None:
    watcher = Watcher(watched, "alert_failed_runs")
    watched.run(CLIENTS)
    watched.run(PORTFOLIOS)
    first = Window(watched.window.from_date, watched.window.from_date)
    watched.server.faults.add("status", "transactions", status=404)
    watched.run(TRANSACTIONS, window=first)
    watched.run(TRANSACTIONS, window=Window(watched.window.to_date, watched.window.to_date))
    for _ in range(2):
        watcher.look()
    (text,) = ears.heard
    assert text.startswith(f"Error: transactions of {first.from_date}..{first.to_date} t1. Run ")
    watched.run(TRANSACTIONS)
    watcher.look()
    assert ears.heard[1].startswith(f"Over: transactions of {first.from_date}..{first.to_date} t1.")


def test_a_failed_days_run_does_not_pass_for_the_schedules(watched: Pipeline, ears: Ears) -> None:
    watched.server.faults.add("status", "transactions", status=404)
    watched.run(TRANSACTIONS)
    Watcher(watched, "alert_failed_checks").look()
    assert ears.heard == []


def test_a_run_that_failed_after_its_log_said_success_is_told(watched: Pipeline, ears: Ears) -> None:
    run = watched.run(CLIENTS).dagster_run
    watched.instance.handle_run_event(
        run.run_id, dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, job_name=run.job_name)
    )
    Watcher(watched, "alert_failed_runs").look()
    (text,) = ears.heard
    assert text.startswith("Error: job clients_sync. Run ")


def tick(pipeline: Pipeline, at: datetime, entities: tuple[Entity, ...] = tuple(ENTITIES)) -> None:
    """The runs of a tick, as the schedule asks for them."""
    context = dg.build_schedule_context(
        instance=pipeline.instance,
        scheduled_execution_time=at,
        repository_def=pipeline.definitions.get_repository_def(),
    )
    asked = pipeline.definitions.resolve_schedule_def("every_15_minutes").evaluate_tick(context)
    for entity, request in zip(ENTITIES, asked.run_requests or (), strict=True):
        if entity in entities:
            pipeline.run(entity, tags=request.tags)


def test_the_heartbeat_is_called_once_after_each_complete_tick(watched: Pipeline, ears: Ears) -> None:
    watcher = Watcher(watched, "heartbeat")
    tick(watched, datetime(2026, 11, 24, 10, 0, tzinfo=UTC), (CLIENTS, PORTFOLIOS))
    watcher.look()
    assert ears.heard == []
    tick(watched, datetime(2026, 11, 24, 10, 15, tzinfo=UTC))
    ears.statuses.append(503)
    watcher.look()
    assert ears.heard == []
    watcher.look()
    watcher.look()
    assert ears.heard == ["/ping"]
    watched.server.faults.add("status", "portfolios", status=404)
    tick(watched, datetime(2026, 11, 24, 10, 30, tzinfo=UTC))
    watcher.look()
    assert ears.heard == ["/ping"]


def test_a_tick_that_held_removals_back_has_no_heartbeat_and_does_not_hide_a_failure_after_it(
    watched: Pipeline, ears: Ears
) -> None:
    watcher = Watcher(watched, "heartbeat")
    tick(watched, datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    for record in watched.world.records("clients")[:20]:
        watched.world.remove("clients", record["id"])
    tick(watched, datetime(2026, 11, 24, 10, 15, tzinfo=UTC))
    tick(watched, datetime(2026, 11, 24, 10, 30, tzinfo=UTC))
    alerting = Watcher(watched, "alert_failed_checks")
    alerting.look()
    held = watched.log(CLIENTS)[0]
    assert (held.status, held.severity) == ("PartialSuccess", "ERROR")
    watcher.look()
    assert ears.heard[1:] == ["/ping"]
    assert "10:00" in str(watcher.cursor)
    watched.server.faults.add("status", "clients", status=404)
    watched.run(CLIENTS)
    alerting.look()
    assert "Error: clients, check sync_log. PartialSuccess." in ears.heard[0]
    assert "Error: clients, check sync_log. Failed." in ears.heard[2]


AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def told(*looks: Incident | None) -> list[str]:
    """What is told of a subject in one look after the other."""
    heard: list[str] = []
    opened: incidents.Open = {}
    for trouble in looks:
        found = {"clients": trouble}
        heard += incidents.lines(opened, found)
        opened = incidents.read(incidents.write(incidents.then(opened, found)))
    return [text.split(".")[0] for text in heard]


def test_each_change_is_told_once_and_a_second_outage_too() -> None:
    warning, error = Incident.at(AT, "few", is_error=False), Incident.at(AT, "none", is_error=True)
    assert told(warning, warning, error, error, warning, error, None, None, warning) == [
        "Warning: clients", "Error: clients", "Warning again: clients", "Error: clients", "Over: clients",
        "Warning: clients",
    ]  # fmt: skip


def test_an_error_of_another_kind_is_told_too() -> None:
    held = Incident.at(AT, "held back", is_error=True, kind="PartialSuccess")
    failed = Incident.at(AT, "none", is_error=True, kind="Failed")
    assert told(held, held, failed, failed, None) == ["Error: clients", "Error: clients", "Over: clients"]
    few, nothing = (Incident.at(AT, kind, is_error=False, kind=kind) for kind in ("PartialSuccess", "NoData"))
    assert told(few, nothing, few) == ["Warning: clients"]


def test_of_what_is_not_known_just_now_nothing_is_told_and_nothing_forgotten() -> None:
    opened = {"clients": Incident.at(AT, "none", is_error=True)}
    assert list(incidents.lines(opened, {})) == []
    assert incidents.then(opened, {}) == opened


def test_no_error_names_the_address_that_was_not_reached() -> None:
    with pytest.raises(NotifyError) as refused:
        notify.post("http://127.0.0.1:1/a-secret-path", "text")
    assert "a-secret-path" not in str(refused.value)
    with pytest.raises(NotifyError, match="INN8_HEARTBEAT_URL"):
        notify.ping("no-address")
