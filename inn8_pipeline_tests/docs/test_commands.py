"""Run the commands of each page in their order. `make docs-check` runs it."""

import json
import urllib.error

import pytest

from inn8_pipeline_tests.cli.commands.test_dev import ask, free_port
from inn8_pipeline_tests.docs.conftest import Desk
from inn8_pipeline_tests.docs.listed import (
    AFTER_INSTALLATION,
    ELSEWHERE,
    NOT_HERE,
    NOT_TYPED,
    OF_THE_MACHINE,
    REFUSED,
    SERVERS,
)
from inn8_pipeline_tests.docs.pages import Typed, by_page, environment_file, parts

DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"


@pytest.mark.parametrize("page", [page for page in by_page() if page not in NOT_TYPED])
def test_the_commands_of_a_page_succeed_one_after_the_other(page: str, desk: Desk) -> None:
    typed = by_page()[page]
    if page in AFTER_INSTALLATION:
        desk.install()
        desk.type("inn8 sync --full")
    elif not any("createdb" in command.text for command in typed):
        desk.make_databases()
    for setting in environment_file(page):
        name, _, value = desk.filled_in(setting.text).partition("=")
        desk.export(**{name: value})
    for command in typed:
        if not is_run_elsewhere(command):
            run(desk, command)


def is_run_elsewhere(command: Typed) -> bool:
    return command.text in ELSEWHERE or any(words[0] in {*NOT_HERE, *OF_THE_MACHINE} for words in parts(command.text))


def run(desk: Desk, command: Typed) -> None:
    if command.text in REFUSED:
        assert REFUSED[command.text] in desk.refused(command.text)
        return
    if command.text not in SERVERS:
        desk.type(command.text)
        return
    port = free_port()
    desk.export(DAGSTER_WEBSERVER_PORT=str(port))
    desk.shell.serve(command.text, lambda: is_up(port))


def is_up(port: int) -> bool:
    """Return whether the UI answers and every required daemon is healthy."""
    try:
        statuses = ask(port, DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    except (OSError, json.JSONDecodeError, urllib.error.HTTPError):
        return False
    return all(status["healthy"] for status in statuses if status["required"])
