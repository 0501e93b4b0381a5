"""`inn8 alert test` says for each address whether it accepts what is sent to it."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer

from inn8_pipeline.cli import main
from inn8_pipeline_tests.cli.conftest import Place

SECRET = "/services/T0/a-secret-path"


def ask(*arguments: str, **settings: str) -> Result:
    unset = {"INN8_ALERT_WEBHOOK": None, "INN8_HEARTBEAT_URL": None}
    return CliRunner().invoke(main, ["alert", "test", *arguments], env={**unset, **settings}, prog_name="inn8")


def test_both_addresses_get_a_test_message(httpserver: HTTPServer) -> None:
    httpserver.expect_request(SECRET, method="POST").respond_with_data("ok")
    httpserver.expect_request("/ping", method="GET").respond_with_data("ok")
    shown = ask(INN8_ALERT_WEBHOOK=httpserver.url_for(SECRET), INN8_HEARTBEAT_URL=httpserver.url_for("/ping"))
    assert (shown.exit_code, shown.stdout) == (
        0,
        "ok   INN8_ALERT_WEBHOOK: accepted\nok   INN8_HEARTBEAT_URL: accepted\n",
    )
    posted, called = (request for request, _ in httpserver.log)
    assert "Test of alerts by `inn8 alert test` at " in json.loads(posted.data)["text"]
    assert called.path == "/ping"


def test_an_address_that_accepts_nothing_is_named_with_the_answer_and_without_the_address(
    httpserver: HTTPServer,
) -> None:
    httpserver.expect_request(SECRET).respond_with_data("", status=404)
    shown = ask(
        "--json", INN8_ALERT_WEBHOOK=httpserver.url_for(SECRET), INN8_HEARTBEAT_URL="http://127.0.0.1:1/a-secret"
    )
    assert shown.exit_code == 1
    found = {each["setting"]: (each["is_ok"], each["message"].split(":")[0]) for each in json.loads(shown.stdout)}
    assert found == {
        "INN8_ALERT_WEBHOOK": (False, "not accepted (answered 404)"),
        "INN8_HEARTBEAT_URL": (False, "not accepted (ConnectError)"),
    }
    assert "secret" not in shown.output


def test_without_an_address_it_is_wrong_settings() -> None:
    shown = ask()
    assert shown.exit_code == 2
    assert "INN8_ALERT_WEBHOOK is not set, and no heartbeat either" in shown.output


def test_alerts_are_muted_and_posted_again(place: Place) -> None:
    ask = place.terminal.ask
    assert ask("alert", "mute").stdout == "Alerts are not muted.\n"
    muted = ask("alert", "mute", "--from", "2126-11-28T22:00+02:00", "--for", "90m", "--reason", "upgrade")
    assert (
        muted.stdout
        == "Alerts are muted from 2126-11-28 20:00 UTC to 2126-11-28 21:30 UTC: upgrade. `inn8 alert unmute` ends it.\n"
    )
    assert json.loads(ask("alert", "mute", "--json").stdout)["reason"] == "upgrade"
    ended = ask("alert", "unmute").stdout
    assert ended == (
        "Alerts were muted from 2126-11-28 20:00 UTC to 2126-11-28 21:30 UTC: upgrade. They are posted again, within "
        "half a minute.\n"
    )
    assert ask("alert", "unmute").stdout == "Alerts were not muted: nothing was changed.\n"
    over = ask("alert", "mute", "--from", "2026-01-01T00:00+00:00", "--for", "1h", "--reason", "upgrade")
    assert over.stdout == "Alerts are not muted.\n"
    assert ask("alert", "mute", "--json").stdout == "null\n"
    assert ask("alert", "unmute").stdout == "Alerts were not muted: nothing was changed.\n"


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_alerts_are_muted_until_a_local_time_and_what_is_replaced_or_not_set_is_said(place: Place) -> None:
    ask = place.terminal.ask
    morning = ask("alert", "mute", "--from", "2126-11-28T22:00+02:00", "--until", "2126-11-29 06:00", "--reason", "a")
    period = "from 2126-11-28 22:00 SAST, 20:00 UTC to 2126-11-29 06:00 SAST, 04:00 UTC"
    assert morning.stdout == f"Alerts are muted {period}: a. `inn8 alert unmute` ends it.\n"
    assert morning.stderr == "INN8_ALERT_WEBHOOK is not set here: there is nothing to mute unless the daemon has it.\n"
    hooked = place.terminal.but(INN8_ALERT_WEBHOOK="http://127.0.0.1:1/hook").ask
    soon = datetime.now(UTC) + timedelta(minutes=90)
    local = soon.astimezone(ZoneInfo("Africa/Johannesburg"))
    again = hooked("alert", "mute", "--until", f"{local:%H:%M}", "--reason", "b")
    assert again.stderr == f"This replaces the mute {period}: a.\n"
    assert f" to {local:%Y-%m-%d %H:%M} SAST, " in again.stdout
    found = {each["check"]: each["message"] for each in json.loads(hooked("doctor", "--json").stdout)}
    assert f" to {local:%Y-%m-%d %H:%M} SAST, " in found["the alerts"]
    hooked("alert", "unmute")
    found = {each["check"]: each["message"] for each in json.loads(hooked("doctor", "--json").stdout)}
    assert "muted" not in found["the alerts"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--until", "18:00"),
        ("--until", "2020-01-01 18:00", "--reason", "x"),
        ("--until", "2026-03-31", "--reason", "x"),
        ("--until", "18:00", "--for", "2h", "--reason", "x"),
        ("--for", "2h"),
        ("--reason", "x"),
        ("--for", "2w", "--reason", "x"),
        ("--for", "8d", "--reason", "x"),
    ],
)
def test_a_mute_without_an_end_or_a_reason_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    refused = CliRunner().invoke(main, ["alert", "mute", *arguments])
    assert (refused.exit_code, refused.output.startswith("Usage: ")) == (2, True)  # missing settings end with 2 too
