"""`inn8 dev`: the UI answers, the schedules are on, and a signal ends every process."""

import json
import shlex
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from inn8_pipeline.cli.support.group import EXIT_PARTIAL
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.docs.pages import ROOT

SCHEDULES = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules {
  name cronSchedule scheduleState { status }
} } } } }
"""
LAUNCH = """
mutation { launchRun(executionParams: {runConfigData: "{}", selector:
  {repositoryName: "__repository__", repositoryLocationName: "inn8", jobName: "clients_sync"}}) { __typename } }
"""
RUNS = """{ runsOrError(filter: {pipelineName: "clients_sync"}) { ... on Runs { results { runId status } } } }"""
RERUN = """
mutation { launchRunReexecution(reexecutionParams: {parentRunId: "%s", strategy: ALL_STEPS})
  { __typename ... on LaunchRunSuccess { run { runId } } } }
"""


def ask(port: int, query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own address)
        content: dict[str, Any] = json.load(answer)["data"]
    return content


def rerun(port: int) -> None:
    """Execute the last sync again, as the button of the UI does; it succeeds too."""
    first, *_ = ask(port, RUNS)["runsOrError"]["results"]
    launched = ask(port, RERUN % first["runId"])["launchRunReexecution"]
    assert launched["__typename"] == "LaunchRunSuccess"
    wanted = {"runId": launched["run"]["runId"], "status": "SUCCESS"}
    until(lambda: wanted in ask(port, RUNS)["runsOrError"]["results"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def announced(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return lines
    raise AssertionError(lines, process.communicate())


@pytest.mark.slow
def test_dev_serves_the_ui_with_the_schedule_on_until_a_signal_leaves_no_process_behind(data_folder: Path) -> None:
    port = free_port()
    settings_of_shell = {"INN8_TICK_MINUTES": "5", "INN8_BASE_URL": "https://api.inn8.example", "INN8_CA_FILE": "/none"}
    terminal = Terminal({"XDG_DATA_HOME": str(data_folder), **settings_of_shell})
    with terminal.start("dev", "--port", str(port)) as process:
        try:
            lines = announced(process)
            assert any(f"http://127.0.0.1:{port}\n" in line for line in lines)
            nodes = ask(port, SCHEDULES)["repositoriesOrError"]["nodes"]
            assert process.stdout is not None
            assert process.stdout.readline().startswith("The first sync has ended: PartialSuccess")
            states = {each["name"]: each["scheduleState"]["status"] for each in nodes[0]["schedules"]}
            assert states["every_15_minutes"] == "RUNNING"
            cron = {each["name"]: each["cronSchedule"] for each in nodes[0]["schedules"]}
            assert cron["every_15_minutes"] == "*/5 * * * *"
            assert "The first sync has begun. The schedules sync every 5 minutes.\n" in lines
            content = (data_folder / "inn8_pipeline" / "dev" / "settings.env").read_text(encoding="utf-8")
            settings = dict(word.split("=", 1) for word in shlex.split(content) if "=" in word)
            assert settings["INN8_TICK_MINUTES"] == "5"
            assert "INN8_CA_FILE" not in settings
            ours = Terminal({"XDG_DATA_HOME": str(data_folder), **settings})
            first = {each["entity"] for each in json.loads(ours.run("log", "--json").stdout)}
            assert first == {"clients", "portfolios", "transactions"}
            script = shlex.quote(str(data_folder / "inn8_pipeline" / "dev" / "settings.env"))
            asked = ["bash", "-c", f". {script}; psql -qAtc 'select distinct tenant_id from inn8.clients'"]
            assert subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60).stdout == "dev\n"
            assert ours.run("sync", "clients").returncode == EXIT_PARTIAL
            rerun(port)
            assert ask(port, LAUNCH)["launchRun"]["__typename"] == "LaunchRunSuccess"
            children = psutil.Process(process.pid).children(recursive=True)
            assert len(children) >= 4  # webserver and daemon, and the definitions of each
        finally:
            process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    ignored = "Ignored, so that no real system is touched: INN8_BASE_URL, INN8_CA_FILE.\n"
    assert (process.returncode, errors) == (0, ignored)
    assert "Everything has been stopped" in output
    time.sleep(0.2)
    assert [child for child in children if child.is_running()] == []
    assert not (data_folder / "inn8_pipeline" / "postgres" / "data" / "postmaster.pid").exists()
    assert (data_folder / "inn8_pipeline" / "dev" / "settings.env").stat().st_mode & 0o077 == 0


def test_make_passes_the_port_on_and_a_port_that_is_taken_is_refused_with_the_way_out() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "dev", "PORT=3001"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.splitlines()[-1].endswith("inn8 dev --port 3001")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = Terminal({}).ask("dev", "--port", str(taken.getsockname()[1]))
    assert refused.exit_code == 1
    assert "nothing was started. Choose another --port (`make dev PORT=3001`)." in refused.stderr


def test_a_setting_that_is_kept_and_wrong_is_refused_before_anything_starts(tmp_path: Path) -> None:
    refused = Terminal({"XDG_DATA_HOME": str(tmp_path), "INN8_TICK_MINUTES": "7"}).ask("dev")
    assert refused.exit_code == 2
    assert "INN8_TICK_MINUTES must be a divisor of 60, up to 30" in refused.stderr
    assert not list(tmp_path.iterdir())
