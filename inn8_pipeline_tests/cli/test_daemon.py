"""A real daemon logs a killed and a canceled run, and restarts the killed one, but not without end."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy

from inn8_pipeline_tests.cli.conftest import Place, Terminal
from inn8_pipeline_tests.daemons import LONG, UNSCHEDULED, configure, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def terminal(place: Place, data_folder: Path) -> Terminal:
    """Return a terminal whose instance is ours, but monitors runs every second and starts no scheduled run."""
    home = data_folder / "dagster"
    home.mkdir()
    configure(home, poll_interval_seconds=1, **UNSCHEDULED)
    # A tick is met every time, and not by chance.
    return place.terminal.but(DAGSTER_HOME=str(home), INN8_TICK_MINUTES="1")


@contextmanager
def dagster(terminal: Terminal, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one of Dagster's programs until the block ends, then end it with all processes that it started.

    Its output goes to a file: a pipe that nobody reads would block the program after 64 kB.
    """
    command = [sys.executable, "-m", *arguments, "-w", str(ROOT / "workspace.yaml")]
    written = Path(terminal.variables["XDG_DATA_HOME"]) / f"{arguments[0]}.log"
    environment = {**os.environ, **terminal.variables}
    with (
        written.open("a", encoding="utf-8") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
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
        assert process.wait(LONG) == 0


def stored(url: str, query: str, **values: object) -> list[str]:
    """Return the rows of a query of Dagster's storage."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(sqlalchemy.text(query), values))
    engine.dispose()
    return found


def events(url: str, job: str) -> list[str]:
    wanted = """
        select e.event from event_logs e join runs r on r.run_id = e.run_id where r.pipeline_name = :job order by e.id
    """
    return stored(url, wanted, job=job)


def runs(url: str, *jobs: str) -> list[str]:
    return stored(url, "select run_id from runs where pipeline_name = any(:jobs)", jobs=list(jobs))


def killed(url: str, job: str, number: int) -> None:
    """Kill the process of the job's run of this number, counted from 0, once it executes."""
    pid_line = re.compile(r"Executing steps in process \(pid: (\d+)\)")
    processes = until(lambda: list(dict.fromkeys(pid_line.findall("".join(events(url, job)))))[number:])
    psutil.Process(int(processes[0])).kill()


def cancel(terminal: Terminal, run_id: str) -> None:
    """Cancel the run, as the button of the UI does."""
    code = "import sys, dagster; i = dagster.DagsterInstance.get(); i.run_coordinator.cancel_run(sys.argv[1])"
    command = [sys.executable, "-W", "ignore", "-c", code, run_id]
    subprocess.run(command, env={**os.environ, **terminal.variables}, check=True, timeout=LONG)


def entries(terminal: Terminal, url: str) -> list[tuple[str, str, str]]:
    """Return the sync log entries of this test's runs. Scheduled runs have another job, and wait."""
    ours = runs(url, "clients_sync", "portfolios_sync")
    logged = json.loads(terminal.ask("log", "--json").stdout)
    return sorted((each["entity"], each["status"], each["error_message"]) for each in logged if each["run_id"] in ours)


@pytest.mark.slow
def test_a_killed_and_a_canceled_run_leave_one_failed_entry_each_and_the_killed_one_is_started_again_twice(
    place: Place, terminal: Terminal, storage_url: str
) -> None:
    place.server.faults.add("delay", "clients", seconds=LONG, times=None)
    place.server.faults.add("delay", "portfolios", seconds=LONG, times=None)
    terminal.ask("doctor")  # the storage's tables, before two processes would make them
    with dagster(terminal, "dagster._daemon", "run"):
        launch(terminal, "clients_sync")
        launch(terminal, "portfolios_sync")
        killed(storage_url, "clients_sync", 0)
        until(lambda: place.server.stats.requests["/portfolios"])
        (canceled,) = runs(storage_url, "portfolios_sync")
        cancel(terminal, canceled)
        killed(storage_url, "clients_sync", 1)
        killed(storage_url, "clients_sync", 2)
        until(lambda: [text for _, _, text in entries(terminal, storage_url) if "its process was killed" in text][2:])
        time.sleep(20)  # the sensors look again, every 15 seconds, and the daemon after its runs
        logged = [(entity, status) for entity, status, _ in entries(terminal, storage_url)]
    assert logged == [*[("clients", "Failed")] * 3, ("portfolios", "Failed")]
