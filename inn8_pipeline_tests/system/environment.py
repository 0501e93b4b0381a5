"""The servers of the soak test: an embedded Postgres, three tenants with an INN8 each, Dagster as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import sqlalchemy

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema.migrations import upgrade
from inn8_pipeline_tests.daemons import configure

ROOT = Path(__file__).parents[2]
TENANTS = ("firm", "acme", "umbrella")
DAYS = 8
WAREHOUSE, STORAGE = "inn8", "dagster"
SERVERS = ("daemon", "webserver")
SECONDS_TO_END = 60


@dataclass
class SoakEnvironment:
    """All servers. A context manager; at its end every process has ended."""

    folder: Path
    seed: int
    inn8: dict[str, SandboxServer] = field(default_factory=dict)
    servers: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self.postgres = self._stack.enter_context(EmbeddedPostgres(self.folder / "postgres", durable=False))
        first_date = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
        for number, tenant_id in enumerate(TENANTS):
            world = self._stack.enter_context(
                World(
                    clients=120, portfolios=200, transactions=1200, days=DAYS, seed=self.seed + number,
                    first_date=first_date,
                )
            )  # fmt: skip
            self.inn8[tenant_id] = self._stack.enter_context(SandboxServer(world))
        self.port = _free_port()
        self.variables = self._settings(first_date.isoformat())
        upgrade(connect(self.variables["INN8_DATABASE_URL"]))
        self._run("-c", "import dagster; dagster.DagsterInstance.get().get_runs(limit=1)")
        for name in SERVERS:
            self.start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.servers):
            self.kill(name)
        self._stack.close()

    def _settings(self, first_date: str) -> dict[str, str]:
        home = self.folder / "dagster"
        home.mkdir()
        # A run whose process was killed is noticed in seconds, so that hours of a user's fit into one of the soak's.
        configure(home, poll_interval_seconds=5)
        access: dict[str, str] = {}
        for tenant_id, server in self.inn8.items():
            own = "INN8_" if tenant_id == TENANTS[0] else f"INN8_{tenant_id.upper()}__"
            access |= {
                f"{own}BASE_URL": server.base_url,
                f"{own}CLIENT_ID": server.client_id,
                f"{own}CLIENT_SECRET": server.client_secret,
            }
        return {
            **access,
            "INN8_TENANTS": ",".join(TENANTS),
            "INN8_TENANT_ID": TENANTS[0],
            "INN8_TICK_MINUTES": "1",
            "INN8_LOOKBACK_DAYS": str(DAYS + 1),
            "INN8_TRANSACTIONS_FROM": first_date,
            "INN8_PAGE_SIZE": "100",
            "INN8_KEEP_RUNS_DAYS": "1",
            "INN8_DATABASE_URL": self.postgres.url(WAREHOUSE),
            "DAGSTER_POSTGRES_URL": self.postgres.url(STORAGE, driver="psycopg2"),
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of every process."""
        return {**os.environ, **self.variables}

    def start(self, name: str) -> None:
        """Start the daemon or the webserver; its output goes to a file with its name."""
        arguments = {
            "daemon": ["-m", "dagster._daemon", "run"],
            "webserver": ["-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(self.port)],
        }[name]
        with (self.folder / f"{name}.log").open("ab") as output:
            self.servers[name] = subprocess.Popen(
                [sys.executable, *arguments, "-w", str(ROOT / "workspace.yaml")],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Send SIGKILL to the server and to all processes that it started."""
        server = self.servers.pop(name)
        for each in [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]:
            _kill(each)
        server.wait(SECONDS_TO_END)

    def restart(self, name: str) -> None:
        """Restart the server as an operator does: SIGINT, and a new process after it has ended."""
        server = self.servers[name]
        server.send_signal(signal.SIGINT)
        try:
            server.wait(SECONDS_TO_END)
            del self.servers[name]
        except subprocess.TimeoutExpired:
            self.kill(name)
        self.start(name)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that execute runs: children of the daemon's code server."""
        commands = [(each, " ".join(_command(each))) for each in self._family("daemon")]
        return [each for each, command in commands if "spawn_main" in command]

    def processes(self) -> dict[str, psutil.Process]:
        """Return the long-lived processes: the servers, and the code server of each."""
        found = {}
        for name, server in self.servers.items():
            if server.poll() is None:
                found[name] = psutil.Process(server.pid)
                for each in self._family(name):
                    if "api grpc" in " ".join(_command(each)):
                        found[f"{name}'s code server"] = each
        return found

    def zombies(self) -> int:
        """Return the number of processes that a server started and that ended without being waited for."""
        statuses = [_status(each) for name in self.servers for each in self._family(name)]
        return statuses.count(psutil.STATUS_ZOMBIE)

    def kill_postgres(self) -> None:
        """Send SIGKILL to every process of Postgres, then start it as an init system would."""
        pid = int((self.postgres.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        for each in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
            _kill(each)
        self.postgres.stop()
        self.postgres.start()

    def rows(self, database: str, query: str, **parameters: object) -> Sequence[Any]:
        """Return the rows of a query."""
        engine = sqlalchemy.create_engine(self.postgres.url(database), poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sqlalchemy.text(query), parameters)
            return result.all() if result.returns_rows else []

    def ask(self, query: str, **variables: object) -> dict[str, Any] | None:
        """Send a GraphQL query to the webserver; return None if it does not answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 (our own address)
                content: dict[str, Any] = json.load(answer)
                return content
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return None

    def _family(self, name: str) -> list[psutil.Process]:
        try:
            family: list[psutil.Process] = psutil.Process(self.servers[name].pid).children(recursive=True)
        except (KeyError, psutil.NoSuchProcess):
            return []
        return family

    def _run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-W", "ignore", *arguments], env=self.environment, check=True, timeout=120)


def _command(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return command


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_DEAD)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(SECONDS_TO_END)
    except psutil.NoSuchProcess:
        pass


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def wait_until(condition: Any, seconds: float, pause: float = 2.0) -> bool:  # noqa: ANN401 (a callable)
    """Return whether the condition became true in time."""
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(pause)
    return True
