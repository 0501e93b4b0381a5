"""Dagster's webserver and daemon as children of this process: started together, and none left behind.

Taken down in this order: the daemon, so that no run begins; then the runs, each recorded as canceled; then the UI.
A group of processes that does not go is killed.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support.folders import packaged
from inn8_pipeline.cli.support.group import Failed
from inn8_pipeline.cli.support.instance import open_instance
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 10.0
_TICK_SECONDS = 0.1


class Child:
    """One of Dagster's servers, leader of a group of processes of its own; its output goes to a file."""

    def __init__(self, name: str, log: Path, *arguments: str) -> None:
        self.name, self.log = name, log
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(  # noqa: S603 (our own Python)
                [sys.executable, "-m", *arguments, "-w", str(packaged("workspace.yaml"))],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def check(self) -> None:
        """Raise if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise Failed(f"Dagster's {self.name} ended with {code}; all was taken down. {self.log} tells why.")

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                return

    def finish(self) -> None:
        """See that nothing of its group is left."""
        ends_at = time.monotonic() + SECONDS_TO_STOP / 2
        while self._is_group_alive():
            if time.monotonic() > ends_at:
                os.killpg(self._process.pid, signal.SIGKILL)
                break
            time.sleep(_TICK_SECONDS)
        self._process.wait()

    def _is_group_alive(self) -> bool:
        self._process.poll()
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def serve(environment: Environment, host: str, port: int, folder: Path, announce: Callable[[str], None]) -> None:
    """Run both until SIGINT or SIGTERM; `announce` is called with the UI's address once it answers.

    Failed where one of them ends by itself.
    """
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # The storage's tables are made before two processes would both try to.
    with open_instance(environment) as instance, _ended() as has_ended:
        children: list[Child] = []
        try:
            address = ("-h", host, "-p", str(port))
            children.append(Child("webserver", folder / "webserver.log", "dagster_webserver", *address))
            children.append(Child("daemon", folder / "daemon.log", "dagster._daemon", "run"))
            wait_for(url, children, has_ended)
            if not has_ended():
                announce(url)
            while not has_ended():
                for child in children:
                    child.check()
                time.sleep(_TICK_SECONDS)
        finally:
            take_down(instance, children)


@contextmanager
def _ended() -> Iterator[Callable[[], bool]]:
    """Within: SIGINT and SIGTERM are noted, no more. Children do not inherit a handler, as they do ignoring."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(url: str, children: list[Child], has_ended: Callable[[], bool]) -> None:
    """Return when the webserver at `url` answers, or all is to end; Failed where a child ends, or none answers."""
    ends_at = time.monotonic() + SECONDS_TO_START
    while not has_ended() and not _answers(url):
        for child in children:
            child.check()
        if time.monotonic() > ends_at:
            raise Failed(f"The Dagster UI did not answer within {SECONDS_TO_START:.0f} s; see {children[0].log}.")
        time.sleep(_TICK_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):  # noqa: S310 (our own address)
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def take_down(instance: "DagsterInstance", children: list[Child]) -> None:
    """End all of it; every run that was open is recorded as canceled."""
    for child in reversed(children[1:]):
        child.stop()
    _cancel_runs(instance)
    for child in children[:1]:
        child.stop()
    for child in children:
        child.finish()
    for run in _open_runs(instance):
        instance.report_run_canceled(run, "`inn8 dev` was stopped while the run was working.")


def _cancel_runs(instance: "DagsterInstance") -> None:
    from dagster import DagsterRunStatus

    for run in _open_runs(instance):
        if run.status in {DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED}:
            instance.report_run_canceled(run, "`inn8 dev` was stopped before the run began.")
        else:
            instance.run_launcher.terminate(run.run_id)
    ends_at = time.monotonic() + SECONDS_TO_STOP
    while _open_runs(instance) and time.monotonic() < ends_at:
        time.sleep(_TICK_SECONDS)


def _open_runs(instance: "DagsterInstance") -> "list[DagsterRun]":
    from dagster import DagsterRunStatus, RunsFilter

    statuses = [
        DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ]  # fmt: skip
    return list(instance.get_runs(RunsFilter(statuses=statuses)))
