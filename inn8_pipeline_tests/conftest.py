"""Fixtures of all tests: a clean environment, Hypothesis' profiles, and databases on one embedded Postgres.

The workers of a parallel run share one server; each test that needs a database has one of its own. A test that stops or
kills a server starts its own.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, settings

from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline_tests import folders

# The same examples in every run, so that a change is what breaks a test; new ones: --hypothesis-profile soak.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "soak", max_examples=10_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")

NewDatabase = Callable[[str], AbstractContextManager[str]]

FOLDER = pytest.StashKey[Path]()
TEMPLATE = "migrated"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of this run's Postgres: the main process creates it and passes it to the workers."""
    given_folder = getattr(config, "workerinput", {}).get("inn8_folder")
    config.stash[FOLDER] = Path(given_folder or folders.new("inn8-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: at least five, because most tests wait for processes.

    Two cores were half idle with two workers (1,114 seconds for all tests; 411 with five).
    """
    return max(os.cpu_count() or 1, 5)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 (pytest-xdist's, untyped)
    """Pass the folder to a worker."""
    node.workerinput["inn8_folder"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder when the last worker has ended."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[FOLDER])


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_", "INN8_", "OTEL_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


@pytest.fixture
def terminal_in_johannesburg() -> Iterator[None]:
    """Let this process be in a zone two hours ahead of UTC until the test has ended."""
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Africa/Johannesburg")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[EmbeddedPostgres]:
    """Yield the server of this run; the first worker that needs it starts it, the last one stops it."""
    with EmbeddedPostgres(request.config.stash[FOLDER] / "postgres", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres) -> Iterator[NewDatabase]:
    """Create a database as a copy of an unused template; a context manager that yields its URL and drops it."""
    maintenance = sqlalchemy.make_url(postgres.url("postgres"))
    engine = sqlalchemy.create_engine(maintenance, isolation_level="AUTOCOMMIT")

    @contextmanager
    def new(template: str) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield maintenance.set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    yield new
    engine.dispose()


@pytest.fixture
def empty_database(new_database: NewDatabase) -> Iterator[str]:
    """Yield the URL of a new and empty database, dropped after the test."""
    with new_database("template0") as url:
        yield url


@pytest.fixture
def warehouse_url(new_database: NewDatabase, migrated_template: str) -> Iterator[str]:
    """Yield the URL of a new database that has the newest schema and no rows, dropped after the test."""
    with new_database(migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """Return the name of the database that `warehouse_url` copies: migrated once, by the first worker that needs it."""
    from inn8_pipeline.warehouse.schema import migrations

    migrated = postgres.folder / "migrated"
    with (postgres.folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.exists():
            engine = sqlalchemy.create_engine(postgres.url(TEMPLATE))
            migrations.upgrade(engine)
            engine.dispose()  # a template can be copied only while no session uses it
            migrated.touch()
    return TEMPLATE
