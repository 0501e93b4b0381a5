"""`inn8 doctor` names what is unavailable or wrong, and says what to do."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from pytest_httpserver import HTTPServer

from inn8_pipeline.cli.commands import doctor
from inn8_pipeline.cli.instance import shared_instance
from inn8_pipeline.cli.instance.instance import open_instance
from inn8_pipeline.defs.alerting import cursors
from inn8_pipeline.defs.alerting.incidents import AlertState
from inn8_pipeline.defs.watching import findings
from inn8_pipeline.defs.watching.liveness import BEAT_SECONDS
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.settings import Environment, now
from inn8_pipeline.tracing import exporting
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.cli.conftest import Place, Terminal
from inn8_pipeline_tests.daemons import configure
from inn8_pipeline_tests.defs.schedule_states import record_sensor
from inn8_pipeline_tests.warehouse.logins import administer

ROOT = Path(__file__).parents[3]
LOCAL = r"\d{4}-\d\d-\d\d \d\d:\d\d SAST, [-0-9 ]*\d\d:\d\d UTC"
"""A time in the zone of the fixture `terminal_in_johannesburg`."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The doctor's message for each check, and for the failed checks."""

    messages: dict[str, str]
    failed: list[str]


def examine(terminal: Terminal) -> Examined:
    doctor = terminal.ask("doctor", "--json")
    found = json.loads(doctor.stdout)
    failed = [each["check"] for each in found if not each["is_ok"]]
    assert doctor.exit_code == bool(failed)
    assert "Traceback" not in doctor.stdout + doctor.stderr
    return Examined({each["check"]: each["message"] for each in found}, failed)


@pytest.fixture
def terminal(place: Place, data_folder: Path) -> Terminal:
    """Return the terminal with a DAGSTER_HOME that the test knows."""
    home = data_folder / "dagster"
    home.mkdir()
    configure(home)
    return place.terminal.but(DAGSTER_HOME=str(home))


def beat(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, seconds_ago: float) -> None:
    """Record that every one of Dagster's daemons sent its last heartbeat so many seconds ago."""
    for name, value in terminal.variables.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        for each in instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(now().timestamp() - seconds_ago, each, "of-this-test"))


def test_all_is_well_before_the_daemon_has_begun(terminal: Terminal) -> None:
    examined = examine(terminal)
    assert examined.failed == []
    assert "`dagster-daemon run`" in examined.messages["the schedule"]


def test_what_is_not_set_is_a_note_with_its_remedy_and_no_failure(terminal: Terminal) -> None:
    found = {each["check"]: each for each in json.loads(terminal.ask("doctor", "--json").stdout)}
    notes = [name for name, each in found.items() if each["is_note"]]
    assert notes == ["the schedule", "the heartbeat", "the alerts"]
    assert all(each["is_ok"] for each in found.values())
    assert found["the alerts"]["message"] == (
        "not set: nobody is notified when a problem starts. Set INN8_ALERT_WEBHOOK to the address of a channel; "
        "`inn8 alert test` tries it."
    )
    assert found["the heartbeat"]["message"].startswith("not set: nobody outside notices if this machine, INN8 or ")
    assert "Set INN8_HEARTBEAT_URL to " in found["the heartbeat"]["message"]
    is_set = terminal.but(INN8_HEARTBEAT_URL="http://127.0.0.1:1/ping", INN8_ALERT_WEBHOOK="http://127.0.0.1:1/hook")
    terminal.ask("alert", "mute", "--for", "1h", "--reason", "a test")
    lines = terminal.ask("doctor").stdout.splitlines()
    (alerts,) = [line for line in lines if line.startswith("note the alerts: not set: nobody is notified")]
    assert "; muted from " in alerts
    lines = is_set.ask("doctor").stdout.splitlines()
    assert [line for line in lines if line.startswith("ok   the alerts: ")]
    assert [line for line in lines if line.startswith("ok   the heartbeat: last sent for the tick of ")]


def test_its_lines_fit_a_terminal_of_80_columns(terminal: Terminal) -> None:
    lines = terminal.screen("doctor")
    assert max(map(len, lines)) <= 80
    first = next(number for number, line in enumerate(lines) if line.startswith("note the alerts: "))
    assert lines[first : first + 3] == [
        "note the alerts: not set: nobody is notified when a problem starts. Set",
        "     INN8_ALERT_WEBHOOK to the address of a channel; `inn8 alert test` tries it.",
        lines[first + 2],
    ]
    assert lines[first + 2].startswith("ok   runs: ")


def test_dagsters_instance_is_opened_once_for_all_findings(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    @contextmanager
    def counting(environment: Environment) -> Iterator[dg.DagsterInstance]:
        opened.append(environment)
        with open_instance(environment) as made:
            yield made

    monkeypatch.setattr(shared_instance, "open_instance", counting)
    assert examine(terminal).failed == []
    assert len(opened) == 1
    away = examine(terminal.but(DAGSTER_POSTGRES_URL="postgresql+psycopg2://inn8@127.0.0.1:1/dagster"))
    assert away.failed == ["Dagster's storage", "dagster.yaml", *findings.CHECKS]
    assert len({away.messages[name] for name in away.failed}) == 1
    assert len(opened) == 2


def test_doctor_finds_wrong_credentials(place: Place) -> None:
    doctor = place.terminal.but(INN8_CLIENT_SECRET="wrong").ask("doctor")
    assert doctor.exit_code == 1
    assert [line.split(":")[0] for line in doctor.stdout.splitlines() if line.startswith("FAIL")] == [
        "FAIL INN8's token endpoint"
    ]
    assert "Traceback" not in doctor.stderr


def test_a_daemon_that_reports_and_schedules_that_are_on_are_well(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(terminal, monkeypatch, seconds_ago=BEAT_SECONDS - 60)
    examined = examine(terminal)
    assert examined.failed == []
    assert examined.messages["the schedule"].startswith("the daemon is alive, 4 schedules and ")


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_a_daemon_that_has_died_is_noticed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    beat(terminal, monkeypatch, seconds_ago=BEAT_SECONDS + 60)
    examined = examine(terminal)
    assert examined.failed == ["the schedule"]
    assert re.search(f"has sent no heartbeat since {LOCAL} ", examined.messages["the schedule"])
    assert "scheduler" in examined.messages["the schedule"]


@pytest.mark.slow
def test_a_schedule_that_somebody_has_switched_off_is_noticed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(terminal, monkeypatch, seconds_ago=0)
    command = [sys.executable, "-m", "dagster", "schedule", "stop", "every_15_minutes", "-w", "workspace.yaml"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **terminal.variables}, check=True, timeout=120)
    examined = examine(terminal)
    assert examined.failed == ["the schedule"]
    assert examined.messages["the schedule"].startswith("every_15_minutes is off: ")


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_a_sensor_that_is_off_and_an_address_that_accepts_no_alerts_are_noticed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(terminal, monkeypatch, seconds_ago=0)
    refused = cursors.write_alerts(AlertState(refused_at=now()))
    with dg.DagsterInstance.get() as instance:
        record_sensor(instance, "watch_freshness", InstigatorStatus.STOPPED)
        record_sensor(instance, "alert_failed_runs", InstigatorStatus.RUNNING, refused)
    examined = examine(terminal.but(INN8_ALERT_WEBHOOK="http://127.0.0.1:1/a-secret"))
    assert examined.failed == ["the schedule", "the alerts"]
    assert examined.messages["the schedule"].startswith("watch_freshness is off: ")
    refusal = f"INN8_ALERT_WEBHOOK has accepted no message since {LOCAL}: "
    assert re.match(refusal, examined.messages["the alerts"])
    assert "a-secret" not in str(examined)


@pytest.mark.parametrize("queue", ["redis", "amqp", "nonsense"])
def test_a_queue_of_celery_that_cannot_be_reached_is_noticed(terminal: Terminal, queue: str) -> None:
    url = f"{queue}://:the-queues-password@127.0.0.1:1/0"
    celery = terminal.but(INN8_EXECUTOR="celery", INN8_CELERY_BROKER=url, INN8_CELERY_BACKEND=url)
    examined = examine(celery)
    assert examined.failed == ["Celery's workers"]
    assert examined.messages["Celery's workers"].startswith("INN8_CELERY_BROKER cannot be reached (")
    assert "password" not in str(examined)


def test_a_queue_of_celery_that_does_not_answer_is_noticed(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        celery = terminal.but(INN8_EXECUTOR="celery", INN8_CELERY_BROKER=url, INN8_CELERY_BACKEND=url)
        examined = examine(celery)
    assert examined.failed == ["Celery's workers"]
    assert examined.messages["Celery's workers"].startswith("INN8_CELERY_BROKER cannot be reached (TimeoutError)")


@pytest.mark.parametrize("content", ["", "run_monitoring:\n  enabled: true\n"])
def test_a_dagster_yaml_that_lacks_what_syncs_need_is_noticed(place: Place, data_folder: Path, content: str) -> None:
    home = data_folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(content, encoding="utf-8")
    examined = examine(place.terminal.but(DAGSTER_HOME=str(home)))
    assert examined.failed == ["dagster.yaml"]
    assert "lacks storage in Postgres, pools with granularity run" in examined.messages["dagster.yaml"]
    assert ("run monitoring" in examined.messages["dagster.yaml"]) is (content == "")


def test_rights_that_were_granted_by_hand_are_noticed(data_folder: Path) -> None:
    # A server of its own: roles are those of a whole server, and other tests ask the doctor meanwhile.
    with EmbeddedPostgres(data_folder / "postgres", durable=False) as server:
        url = server.url("warehouse")
        migrations.upgrade(connect(url))
        administer(url, "create role anne login", "grant inn8_reader to anne", "grant inn8_writer to anne")
        found = doctor.examine(Environment({"INN8_DATABASE_URL": url}))
        rights = next(each for each in found if each.check == "rights")
    assert (rights.is_ok, "Run `inn8 db revoke-reader anne`" in rights.message) == (False, True)


def tick(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, status: TickStatus, seconds_ago: float) -> None:
    """Record a last tick of the 15-minute schedule so many seconds ago, with this status."""
    for name, value in terminal.variables.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "dagster", "schedule", "stop", "every_15_minutes", "-w", "workspace.yaml"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **terminal.variables}, check=True, timeout=120)
    with dg.DagsterInstance.get() as instance:
        (state,) = [each for each in instance.all_instigator_state() if each.name == "every_15_minutes"]
        # As the daemon stores the state of a schedule that is on by its declaration.
        instance.update_instigator_state(state.with_status(InstigatorStatus.DECLARED_IN_CODE))
        at = now().timestamp() - seconds_ago
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id,
                selector_id=state.selector_id,
                instigator_name=state.name,
                instigator_type=state.instigator_type,
                status=status,
                timestamp=at,
                end_timestamp=at,
                run_ids=[] if status is TickStatus.SUCCESS else None,
                error=SerializableErrorInfo("of this test", [], None) if status is TickStatus.FAILURE else None,
            )
        )


@pytest.mark.slow
@pytest.mark.usefixtures("terminal_in_johannesburg")
@pytest.mark.parametrize(
    ("status", "seconds_ago", "finding"),
    [
        (TickStatus.SUCCESS, 60, ""),
        (TickStatus.SKIPPED, 20 * 60, ""),
        (TickStatus.FAILURE, 60, "The last tick of every_15_minutes failed"),
        (TickStatus.SUCCESS, 3 * 3600, rf"every_15_minutes \({LOCAL}\) is more than 35 minutes old"),
    ],
)
def test_a_schedule_that_fails_or_has_stopped_though_the_daemon_reports_is_noticed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, status: TickStatus, seconds_ago: float, finding: str
) -> None:
    beat(terminal, monkeypatch, seconds_ago=0)
    tick(terminal, monkeypatch, status, seconds_ago)
    examined = examine(terminal)
    assert examined.failed == (["the schedule"] if finding else [])
    assert re.search(finding, examined.messages["the schedule"])


def test_a_collector_is_asked_whether_it_accepts_spans_and_does_once_it_runs(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/v1/traces", "POST").respond_with_data(b"")
    reachable = Environment({"OTEL_EXPORTER_OTLP_ENDPOINT": httpserver.url_for("/")})
    away = Environment({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"})
    found = []
    for seconds, variables in ((0.5, away), (30.0, reachable)):
        monkeypatch.setattr(exporting, "EXPORT_SECONDS", seconds)
        found.append(next(each for each in doctor.examine(variables) if each.check == "the collector"))
    assert [(each.is_ok, each.message) for each in found] == [
        (False, exporting.NOT_ACCEPTED.format(0.5)),
        (True, "accepts the spans of syncs"),
    ]
