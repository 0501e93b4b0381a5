"""Run the command in a process of its own, with an environment of its own."""

import logging
import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy
from click.testing import CliRunner, Result

from inn8_pipeline.cli import main
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.conftest import NewDatabase
from inn8_pipeline_tests.worlds import world_of_today

TIMEOUT_SECONDS = 180
TENANT = "tests"


@dataclass(frozen=True)
class Terminal:
    """A shell with these variables set."""

    variables: Mapping[str, str]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "inn8_pipeline.cli", *arguments]
        environment = {**os.environ, **self.variables}
        return subprocess.Popen(
            command,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, *arguments: str) -> Result:
        """Run the command in this process, which is faster: for commands that only read or write a database."""
        return CliRunner().invoke(main, arguments, env=self.variables, prog_name="inn8", catch_exceptions=False)

    def screen(self, *arguments: str, columns: int = 80) -> list[str]:
        """Run the command in a terminal of this width, and return the lines that it wrote there, without colours."""
        ours, its = pty.openpty()
        termios.tcsetwinsize(its, (50, columns))
        environment = {**os.environ, **self.variables, "TERM": "xterm"}
        environment.pop("COLUMNS", None)
        with subprocess.Popen(
            [sys.executable, "-m", "inn8_pipeline.cli", *arguments],
            env=environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its, start_new_session=True,
        ) as process, os.fdopen(ours, "rb", buffering=0) as terminal:  # fmt: skip
            os.close(its)
            written = b""
            # Linux raises EIO once no process has the other end open.
            with suppress(OSError):
                while part := terminal.read(4096):
                    written += part
            process.wait(TIMEOUT_SECONDS)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode()).replace("\r\n", "\n").splitlines()

    def but(self, **changed: str) -> "Terminal":
        return Terminal({**self.variables, **changed})

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments) as process:
            try:
                output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


@dataclass(frozen=True)
class Place:
    """A simulated INN8, a warehouse, a storage for Dagster, and a terminal that has their settings."""

    server: SandboxServer
    warehouse_url: str
    terminal: Terminal


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    """Undo, after each test, that a command silences logging in this process."""
    loggers = [logging.getLogger(name) for name in ("", "dagster")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """Yield a user's data directory that the user of Postgres can traverse."""
    with folders.temporary("inn8-cli-") as folder:
        yield folder


@pytest.fixture
def storage_url(new_database: NewDatabase) -> Iterator[str]:
    """Yield the URL of a new and empty database for Dagster."""
    with new_database("template0") as url:
        yield url.replace("+psycopg:", "+psycopg2:")


@pytest.fixture
def world() -> Iterator[World]:
    with world_of_today(clients=30, portfolios=40, transactions=400, days=40) as made:
        yield made


@pytest.fixture
def place(world: World, warehouse_url: str, storage_url: str, data_folder: Path) -> Iterator[Place]:
    with SandboxServer(world) as server:
        variables = {
            "XDG_DATA_HOME": str(data_folder),
            "INN8_BASE_URL": server.base_url,
            "INN8_CLIENT_ID": server.client_id,
            "INN8_CLIENT_SECRET": server.client_secret,
            "INN8_TENANT_ID": TENANT,
            "INN8_TRANSACTIONS_FROM": world.first_date.isoformat(),
            "INN8_DATABASE_URL": warehouse_url,
            "DAGSTER_POSTGRES_URL": storage_url,
        }
        yield Place(server, warehouse_url, Terminal(variables))


def count(url: str, table: str) -> int:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        rows: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    engine.dispose()
    return rows
