"""The programs of a Celery deployment, each in a process group of its own: Redis, workers, Dagster's daemon.

Each is a context manager, at whose end the program and all of its child processes have ended.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from inn8_pipeline_tests.daemons import until

ROOT = Path(__file__).parents[3]
SECONDS = 60


@contextmanager
def started(log: Path, *command: str) -> Iterator[psutil.Process]:
    """Yield a program, its output in a file, with the environment of this process."""
    with log.open("a", encoding="utf-8") as output:
        program = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    with program:
        try:
            yield psutil.Process(program.pid)
        finally:
            kill_all(program.pid)


def kill_all(pid: int) -> None:
    """Kill the process and all that it started, each a process group of its own or not, as when its machine is lost."""
    for each in family(pid):
        each.kill()


def family(pid: int) -> list[psutil.Process]:
    """Return the process and those of its descendants that are alive."""
    try:
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def redis(folder: Path, address: str) -> Iterator[str]:
    """Run a Redis of the test's own, without persistence and with a password; yield its URL without a database."""
    url = new_redis_url(address)
    with redis_at(folder, url):
        yield url


def new_redis_url(address: str) -> str:
    """Return the URL, with a password and without a database, for a Redis that is to listen on the address."""
    with socket.create_server((address, 0)) as listening:
        port = listening.getsockname()[1]
    return f"redis://:{secrets.token_hex(16)}@{address}:{port}"


@contextmanager
def redis_at(folder: Path, url: str) -> Iterator[psutil.Process]:
    """Run a Redis with this URL."""
    parts = urlsplit(url)
    address, port = str(parts.hostname), int(parts.port or 0)
    options = {"bind": address, "port": str(port), "requirepass": parts.password, "dir": str(folder), "save": ""}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with started(folder / "redis.log", "redis-server", *words) as process:
        until(lambda: _listens(address, port), SECONDS)
        yield process


def _listens(address: str, port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((address, port)) == 0


@contextmanager
def worker(folder: Path, name: str, application: str, on_host: Sequence[str] = ()) -> Iterator[psutil.Process]:
    """Run a Celery worker that executes one step at a time; yield it once it accepts steps.

    `on_host` are the words before its command that run it on another host.
    """
    log = folder / f"{name}.log"
    words = ("-A", application, "worker", "--concurrency", "1", "-n", f"{name}@tests", "-l", "INFO")
    with started(log, *on_host, sys.executable, "-m", "celery", *words) as process:
        until(lambda: f"{name}@tests ready" in log.read_text(encoding="utf-8"), SECONDS)
        yield process


@contextmanager
def daemon(folder: Path) -> Iterator[psutil.Process]:
    """Run Dagster's daemon. The processes of runs are its grandchildren."""
    words = ("-m", "dagster._daemon", "run", "-w", str(ROOT / "workspace.yaml"))
    with started(folder / "daemon.log", sys.executable, *words) as process:
        yield process


def kill_worker(worker: psutil.Process) -> None:
    """Kill all processes of the worker at once, as if its machine was lost."""
    os.killpg(worker.pid, signal.SIGKILL)
