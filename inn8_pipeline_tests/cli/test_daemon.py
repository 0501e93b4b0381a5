"""A real daemon: a killed and a canceled run get their entries, and the killed one is started again, not for ever."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy

from inn8_pipeline_tests.cli.conftest import Place, Terminal

ROOT = Path(__file__).parents[2]
LONG = 120


def until(condition: Callable[[], Any], seconds: float = LONG) -> Any:  # noqa: ANN401 (whatever the condition finds)
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends_at, "it did not come to pass in time"
        time.sleep(0.3)
    return found


@pytest.fixture
def terminal(place: Place, data_folder: Path) -> Terminal:
    """With an instance of its own: ours, but that it looks after its runs every second."""
    home = data_folder / "dagster"
    home.mkdir()
    ours = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
    (home / "dagster.yaml").write_text(ours.replace("poll_interval_seconds: 30", "poll_interval_seconds: 1"))
    return place.terminal.but(DAGSTER_HOME=str(home))


@contextmanager
def dagster(terminal: Terminal, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """One of Dagster's programs, and all that it started, until the block ends."""
    command = [sys.executable, "-m", *arguments, "-w", str(ROOT / "workspace.yaml")]
    with subprocess.Popen(
        command, env={**os.environ, **terminal.variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
                for each in family:
                    each.kill()
                psutil.wait_procs(family, timeout=10)


def launch(terminal: Terminal, job: str) -> None:
    with dagster(terminal, "dagster", "job", "launch", "-j", job) as process:
        output, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, output


def events(url: str, job: str) -> list[str]:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        wanted = """
            select e.event from event_logs e join runs r on r.run_id = e.run_id
             where r.pipeline_name = :job order by e.id
        """
        found = list(connection.scalars(sqlalchemy.text(wanted), {"job": job}))
    engine.dispose()
    return found


def killed(url: str, job: str, number: int) -> None:
    """Kill the process of the job's run of this number, counted from 0, once it works."""
    told = re.compile(r"Executing steps in process \(pid: (\d+)\)")
    processes = until(lambda: list(dict.fromkeys(told.findall("".join(events(url, job)))))[number:])
    psutil.Process(int(processes[0])).kill()


def cancel(terminal: Terminal, url: str, job: str) -> None:
    """As the UI's button does."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        wanted = sqlalchemy.text("select run_id from runs where pipeline_name = :job")
        run_id = connection.scalar(wanted, {"job": job})
    engine.dispose()
    code = "import sys, dagster; i = dagster.DagsterInstance.get(); i.run_coordinator.cancel_run(sys.argv[1])"
    command = [sys.executable, "-W", "ignore", "-c", code, str(run_id)]
    subprocess.run(command, env={**os.environ, **terminal.variables}, check=True, timeout=LONG)


def entries(terminal: Terminal) -> list[tuple[str, str, str]]:
    logged = json.loads(terminal.ask("log", "--json").stdout)
    return sorted((each["entity"], each["status"], each["error_message"]) for each in logged)


def test_a_killed_and_a_canceled_run_leave_one_failed_entry_each_and_the_killed_one_is_started_again_twice(
    place: Place, terminal: Terminal, storage_url: str
) -> None:
    place.server.faults.add("delay", "clients", seconds=LONG, times=None)
    place.server.faults.add("delay", "portfolios", seconds=LONG, times=None)
    assert terminal.ask("log", "--json").exit_code == 0  # the storage's tables, before two processes would make them
    with dagster(terminal, "dagster._daemon", "run"):
        launch(terminal, "clients_sync")
        launch(terminal, "portfolios_sync")
        killed(storage_url, "clients_sync", 0)
        until(lambda: place.server.stats.requests["/portfolios"])
        cancel(terminal, storage_url, "portfolios_sync")
        killed(storage_url, "clients_sync", 1)
        killed(storage_url, "clients_sync", 2)
        until(lambda: [told for _, _, told in entries(terminal) if "its process was killed" in told][2:])
        time.sleep(20)  # the sensors look again, every 15 seconds, and the daemon after its runs
        logged = [(entity, status) for entity, status, _ in entries(terminal)]
    assert logged == [*[("clients", "Failed")] * 3, ("portfolios", "Failed")]
