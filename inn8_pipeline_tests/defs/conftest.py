"""Fixtures of the tests of defs: Dagster's storage, migrated once per test run, and pipelines on small worlds."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy

from inn8_pipeline.defs.build import build
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline_tests.conftest import NewDatabase
from inn8_pipeline_tests.daemons import configure
from inn8_pipeline_tests.defs.pipelines import DAYS, SECRET, TENANT, Pipeline
from inn8_pipeline_tests.worlds import world_of_today

NewPipeline = Callable[..., Pipeline]

STORAGE_TEMPLATE = "dagster_migrated"


_INSIDE_DAGSTER = (
    # Of a resource without fields Dagster asks Pydantic in the old way.
    "ignore:The `__fields__` attribute is deprecated",
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Ignore, in the tests of this folder, the warnings that Dagster raises about itself."""
    if Path(__file__).parent in item.path.parents:
        for warning in _INSIDE_DAGSTER:
            item.add_marker(pytest.mark.filterwarnings(warning))


def _with_psycopg2(url: str) -> str:
    return sqlalchemy.make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def _open(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    configure(home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    return dg.DagsterInstance.from_config(str(home))


@pytest.fixture(scope="session")
def storage_template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a database with Dagster's schema, created once by the first worker that needs it."""
    made = postgres.folder / STORAGE_TEMPLATE
    with made.with_suffix(".lock").open("w") as lock, pytest.MonkeyPatch.context() as monkeypatch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            postgres.ensure_database(STORAGE_TEMPLATE)
            url = postgres.url(STORAGE_TEMPLATE, "psycopg2")
            with _open(tmp_path_factory.mktemp("template"), url, monkeypatch) as instance:
                instance.get_runs(limit=1)
            made.touch()
    return STORAGE_TEMPLATE


@pytest.fixture
def instance(
    new_database: NewDatabase, storage_template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Return Dagster's instance with our dagster.yaml, a Postgres database and a folder of its own."""
    home = tmp_path / "dagster"
    home.mkdir()
    with new_database(storage_template) as url, _open(home, _with_psycopg2(url), monkeypatch) as opened:
        # Keep connections, as the command line does, because runs are then much faster.
        opened.optimize_for_webserver(60_000, 3600, 20)
        yield opened


@pytest.fixture
def new_pipeline(
    instance: dg.DagsterInstance, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NewPipeline]:
    """Return a function that makes the test's pipeline; its arguments are those of the world."""
    with ExitStack() as stack:

        def new(**dimensions: int) -> Pipeline:
            small = {"clients": 25, "portfolios": 30, "transactions": 40, "days": DAYS}
            world = stack.enter_context(world_of_today(**(small | dimensions)))
            server = stack.enter_context(SandboxServer(world, client_secret=SECRET))
            variables = {
                "INN8_BASE_URL": server.base_url,
                "INN8_CLIENT_ID": server.client_id,
                "INN8_CLIENT_SECRET": SECRET,
                "INN8_TENANT_ID": TENANT,
                "INN8_DATABASE_URL": warehouse_url,
                "INN8_TRANSACTIONS_FROM": world.first_date.isoformat(),
                "INN8_PAGE_SIZE": "20",
            }
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            engine = connect(warehouse_url)
            storage_url = str(Environment().read("DAGSTER_POSTGRES_URL", ""))
            return Pipeline(server, instance, build(Environment()), engine, tmp_path / "dagster", storage_url)

        yield new


@pytest.fixture
def pipeline(new_pipeline: NewPipeline) -> Pipeline:
    """Return a pipeline on a small world without invalid records."""
    return new_pipeline()
