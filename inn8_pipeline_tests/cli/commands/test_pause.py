"""`inn8 pause` and `inn8 resume`: one entity, with who, since when and why."""

import json
import os
import pwd
import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from inn8_pipeline.cli import main
from inn8_pipeline_tests.cli.conftest import Place


def test_an_entity_is_paused_shown_and_resumed(place: Place) -> None:
    ask = place.terminal.but(USER="anne").ask
    assert ask("pause").stdout == "Nothing is paused.\n"
    paused = ask("pause", "transaction", "--reason", "INN8 moves its data").stdout
    assert paused.startswith("transactions: paused since ")
    assert paused.endswith(" UTC by anne: INN8 moves its data. `inn8 resume transactions` ends it.\n")
    again = ask("pause", "transactions", "--reason", "again")  # the pause that lasts stays as it is
    assert again.stderr == "transactions was paused already: its pause stays as it was, with its reason.\n"
    assert again.stdout == paused
    assert metric(ask) == {"clients": "0", "portfolios": "0", "transactions": "1"}
    (shown,) = json.loads(ask("pause", "--json").stdout)
    assert (shown["entity"], shown["by"], shown["reason"]) == ("transactions", "anne", "INN8 moves its data")
    assert ask("log").stdout.splitlines()[-1].startswith("transactions: paused since ")
    assert "paused" not in ask("log", "--entity", "clients").stdout
    found = {each["check"]: each for each in json.loads(ask("doctor", "--json").stdout)}
    assert found["pauses"]["is_ok"]
    assert found["pauses"]["message"].startswith("transactions paused since ")
    assert ask("resume", "clients").stdout == "clients was not paused: nothing was changed.\n"
    assert ask("resume", "transactions").stdout.startswith("transactions was paused since ")
    assert ask("pause", "--json").stdout == "[]\n"
    assert set(metric(ask).values()) == {"0"}


def test_the_log_names_a_paused_entity_that_was_synced_lately_too(place: Place) -> None:
    ask = place.terminal.but(USER="anne").ask
    place.terminal.run("sync")
    assert "paused" not in ask("log").stdout
    ask("pause", "clients", "--reason", "a test")
    ask("pause", "transactions", "--reason", "a test")
    for arguments in ((), ("--status", "Success"), ("--since", "2020-01-01"), ("--limit", "1")):
        shown = ask("log", *arguments).stdout
        assert re.findall(r"^(\w+): paused since ", shown, re.MULTILINE) == ["clients", "transactions"]
    assert "clients: paused" not in ask("log", "--entity", "transactions").stdout


def test_without_variables_who_paused_it_is_the_name_of_the_effective_user(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    login = pwd.getpwuid(os.geteuid()).pw_name
    assert f" by {login}: a test." in place.terminal.ask("pause", "clients", "--reason", "a test").stdout
    named = place.terminal.ask("pause", "portfolios", "--reason", "a test", "--by", "Anne").stdout
    assert " by Anne: a test." in named


def metric(ask: Callable[..., Result]) -> dict[str, str]:
    """Return the metric of the pauses by entity."""
    return dict(re.findall(r'inn8_entity_paused{.*entity="(\w+)"} (\d)', ask("metrics").stdout))


def test_an_entity_is_paused_though_the_warehouse_is_away(place: Place) -> None:
    away = place.terminal.but(INN8_DATABASE_URL="postgresql://inn8@127.0.0.1:1/warehouse").ask
    paused = away("pause", "clients", "--reason", "INN8 moves its data")
    assert (paused.exit_code, paused.stdout.startswith("clients: paused since ")) == (0, True)
    assert paused.stderr.startswith("inn8.paused_entities does not show it yet; `watch_freshness` will write it. ")
    assert away("resume", "clients").stdout.startswith("clients was paused since ")


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_times_are_in_the_zone_of_the_terminal_with_utc_beside_it(place: Place) -> None:
    ask = place.terminal.but(USER="anne").ask
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d SAST, [-0-9 ]*\d\d:\d\d UTC"
    paused = rf"paused since {time} by anne: INN8 moves"
    assert re.search(rf"^transactions: {paused}\.", ask("pause", "transactions", "--reason", "INN8 moves").stdout)
    assert re.search(rf"^transactions: {paused}\.", ask("log").stdout, re.MULTILINE)
    assert re.search(rf"^ok +pauses: transactions {paused};", ask("doctor").stdout, re.MULTILINE)
    muted = ask("alert", "mute", "--for", "2h", "--reason", "a test").stdout
    assert re.search(rf"^Alerts are muted from {time} to {time}: a test\. `inn8 alert unmute` ends it\.$", muted)
    assert re.search(rf"^transactions was {paused}\.", ask("resume", "transactions").stdout)


@pytest.mark.parametrize("arguments", [("transactions",), ("--reason", "x")])
def test_a_pause_without_an_entity_or_a_reason_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(main, ["pause", *arguments]).exit_code == 2
