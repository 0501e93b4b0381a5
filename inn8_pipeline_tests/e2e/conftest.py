"""One environment for all tests of the UI, as `inn8 dev` makes it, and a browser.

A simulated INN8, an embedded Postgres, Dagster's webserver and daemon, on ports and in a folder of their own. The tests
take minutes and need Chromium, so they are collected only if they are named, as `make e2e` does.
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from pytest_httpserver import HTTPServer

from inn8_pipeline.cli.instance.instance import open_instance
from inn8_pipeline.cli.local.environment import LocalDatabases, local_environment
from inn8_pipeline.cli.local.servers import Child, take_down
from inn8_pipeline.cli.support.group import EXIT_FAILED, EXIT_PARTIAL
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.cli.commands.test_dev import free_port
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.e2e.browser import PROGRAMS, Browser, chromium

collect_ignore = ["test_report.py", "test_ui.py"]

ROOT = Path(__file__).parents[2]
FIRST_DATE = date(2026, 2, 15)
"""Early enough for the March of the README's examples."""
TRANSACTIONS_OF_A_DAY = 20
INVALID = 3
"""How many records of each collection are invalid."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The simulated INN8, the address of the UI, a shell with the settings of both, and who receives the alerts."""

    world: World
    url: str
    terminal: Terminal
    logs: tuple[Path, ...]
    receiver: HTTPServer

    def alert(self, beginning: str) -> str | None:
        """Return the newest line with this beginning of the messages that were posted to the webhook."""
        texts = [json.loads(request.get_data())["text"] for request, _ in self.receiver.log]
        lines = [line for text in texts for line in text.splitlines() if line.startswith(beginning)]
        return lines[-1] if lines else None

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 (parameters)
        """Return the rows of a query in the warehouse."""
        engine = sqlalchemy.create_engine(self.terminal.variables["INN8_DATABASE_URL"])
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text(query), values).all()
        engine.dispose()
        return [tuple(row) for row in found]

    @contextmanager
    def without(self, collection: str) -> Iterator[None]:
        """Let INN8 refuse every request for this collection until the context ends."""
        faults = f"{self.terminal.variables['INN8_BASE_URL']}/_sandbox/faults"
        fault = {"kind": "status", "collection": collection, "status": 404, "times": None}
        _send("POST", faults, json.dumps(fault).encode())
        try:
            yield
        finally:
            _send("DELETE", faults)


def _send(method: str, url: str, body: bytes | None = None) -> None:
    request = urllib.request.Request(url, body, method=method)  # noqa: S310 (our own address)
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


@pytest.fixture(scope="session")
def stage(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Yield an environment with a history: a failed sync of clients, some changes, and everything synced."""
    missing = [name for name, path in PROGRAMS.items() if path is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed; `make e2e` installs both where it may")
    days = (datetime.now(UTC).date() - FIRST_DATE).days + 1
    folder = tmp_path_factory.mktemp("dagster")
    port = free_port()
    with (
        World(
            clients=80, portfolios=150, transactions=TRANSACTIONS_OF_A_DAY * days, days=days, first_date=FIRST_DATE,
            invalid=INVALID,
        ) as world,
        HTTPServer(host="127.0.0.1") as receiver,
        local_environment(LocalDatabases(postgres, "e2e", "e2e_dagster", folder), world, "default") as variables,
    ):  # fmt: skip
        receiver.expect_request("/alerts", "POST").respond_with_data("")
        logs, url = (folder / "webserver.log", folder / "daemon.log"), f"http://127.0.0.1:{port}"
        alerts = {"INN8_ALERT_WEBHOOK": receiver.url_for("/alerts"), "INN8_UI_URL": url}
        # The processes started below inherit these; they are removed with the others.
        os.environ.update(alerts)
        stage = Stage(world, url, Terminal(variables | alerts), logs, receiver)
        _make_history(stage)
        with open_instance(Environment()) as instance:
            children: list[Child] = []
            try:
                children.append(
                    Child("webserver", stage.logs[0], "dagster_webserver", "-h", "127.0.0.1", "-p", str(port))
                )
                children.append(Child("daemon", stage.logs[1], "dagster._daemon", "run"))
                until(lambda: _answers(f"{stage.url}/server_info"))
                yield stage
            finally:
                take_down(instance, children)


def _make_history(stage: Stage) -> None:
    assert stage.terminal.run("sync", "--full").returncode == EXIT_PARTIAL
    with stage.without("clients"):
        assert stage.terminal.run("sync", "clients").returncode == EXIT_FAILED
    for share in (0.1, 0.2):
        stage.world.change_fraction("clients", share)
        stage.world.change_fraction("portfolios", share)
        assert stage.terminal.run("sync").returncode == EXIT_PARTIAL


def _answers(url: str) -> bool:
    try:
        _send("GET", url)
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for screenshots: a temporary one, or the one that SCREENSHOTS names."""
    named = os.environ.get("SCREENSHOTS")
    return ROOT / named if named else tmp_path_factory.mktemp("pictures")


@pytest.fixture
def browser(stage: Stage, pictures: Path, tmp_path: Path) -> Iterator[Browser]:
    """Yield a window of a browser with an empty profile."""
    with chromium(stage.url, tmp_path, pictures) as opened:
        yield opened
