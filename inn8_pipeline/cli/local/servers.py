"""Run Dagster's webserver and daemon as child processes that start and stop together, and a first sync beside them.

They are stopped in this order: the first sync and the daemon, so that no run begins; then the runs, which are recorded
as canceled; then the webserver. A process group that does not end in time is killed.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.folders import packaged
from inn8_pipeline.cli.support.group import Failed
from inn8_pipeline.settings import Environment

if TYPE_CHECKING:
    from dagster import DagsterInstance

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 10.0
_POLL_SECONDS = 0.1


class Child:
    """A Python program in its own process group: one of Dagster's servers, or a sync. Its output goes to a file."""

    def __init__(self, name: str, log: Path, *arguments: str, is_server: bool = True) -> None:
        self.name, self.log = name, log
        workspace = ("-w", str(packaged("workspace.yaml"))) if is_server else ()
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(  # noqa: S603 (our own Python)
                [sys.executable, "-m", *arguments, *workspace],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the program is running."""
        return self._process.poll()

    def check(self) -> None:
        """Raise Failed if the process has ended."""
        code = self.exit_code
        if code is not None:
            raise Failed(
                f"Dagster's {self.name} ended with exit code {code}: everything was stopped; the data is kept. See "
                f"{self.log}."
            )

    def stop(self) -> None:
        """Send SIGINT, and wait up to `SECONDS_TO_STOP` for the process to end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                return

    def finish(self) -> None:
        """Wait until every process of the group has ended, and kill those that do not end in time."""
        ends_at = time.monotonic() + SECONDS_TO_STOP / 2
        while self._is_group_alive():
            if time.monotonic() > ends_at:
                os.killpg(self._process.pid, signal.SIGKILL)
                break
            time.sleep(_POLL_SECONDS)
        self._process.wait()

    def _is_group_alive(self) -> bool:
        self._process.poll()
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Announcements:
    """What `serve` calls: `ready` with the URL of the UI once it answers, `synced` with the ended first sync."""

    ready: Callable[[str], None]
    synced: Callable[[Child], None]


def serve(
    environment: Environment, host: str, port: int, folder: Path, first_sync: Sequence[str], announce: Announcements
) -> None:
    """Run the webserver and the daemon until SIGINT or SIGTERM, and a first sync as soon as they are ready.

    Args:
        environment: The settings, which name Dagster's storage.
        host: The address on which the UI listens.
        port: The port on which the UI listens.
        folder: The folder for the servers' output.
        first_sync: The arguments of `inn8` for the first sync.
        announce: Called when the UI answers, and when the first sync has ended.

    Raises:
        Failed: One of the two has ended on its own.

    """
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    # Opening the instance creates the storage's tables, before the two processes both try to.
    with dagster_modules.instance.open_instance(environment) as instance, _recording_signals() as has_ended:
        children: list[Child] = []
        try:
            address = ("-h", host, "-p", str(port))
            children.append(Child("webserver", folder / "webserver.log", "dagster_webserver", *address))
            children.append(Child("daemon", folder / "daemon.log", "dagster._daemon", "run"))
            wait_for(url, children, has_ended)
            if not has_ended():
                announce.ready(url)
                command = ("inn8_pipeline.cli", *first_sync)
                children.append(Child("sync", folder / "sync.log", *command, is_server=False))
            _watch(children, has_ended, announce.synced)
        finally:
            take_down(instance, children)


def _watch(children: Sequence[Child], has_ended: Callable[[], bool], synced: Callable[[Child], None]) -> None:
    """Wait for a signal. The first sync may end meanwhile; if a server ends, raise Failed."""
    servers, syncs = children[:2], list(children[2:])
    while not has_ended():
        for server in servers:
            server.check()
        if syncs and syncs[0].exit_code is not None:
            synced(syncs.pop())
        time.sleep(_POLL_SECONDS)


@contextmanager
def _recording_signals() -> Iterator[Callable[[], bool]]:
    """Record SIGINT and SIGTERM inside the block, and yield a function that returns True once one was received.

    They are not ignored, because child processes would inherit that.
    """
    received: list[int] = []

    def record(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, record) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(url: str, children: list[Child], has_ended: Callable[[], bool]) -> None:
    """Wait until the webserver at `url` answers or a signal was received.

    Raises:
        Failed: A child has ended, or the webserver did not answer in time.

    """
    ends_at = time.monotonic() + SECONDS_TO_START
    while not has_ended() and not _answers(url):
        for child in children:
            child.check()
        if time.monotonic() > ends_at:
            raise Failed(f"The Dagster UI did not answer within {SECONDS_TO_START:.0f} s; see {children[0].log}.")
        time.sleep(_POLL_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):  # noqa: S310 (our own address)
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def take_down(instance: "DagsterInstance", children: list[Child]) -> None:
    """Stop sync, daemon, runs and webserver, in this order, and record every open run as canceled."""
    for child in reversed(children[1:]):
        child.stop()
    dagster_modules.open_runs.cancel(instance)
    for child in children[:1]:
        child.stop()
    for child in children:
        child.finish()
    dagster_modules.open_runs.record_as_canceled(instance)
