"""Deployments and hosts for tests of minutes, collected only where they are named: `make test-celery` and so on."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy

from inn8_pipeline.sandbox.postgres import embedded
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.engines import hosts
from inn8_pipeline_tests.defs.engines.deployment import WORKERS, Deployment, deployed
from inn8_pipeline_tests.defs.engines.hosts import Network

collect_ignore = ["test_backfills.py", "test_celery.py", "test_celery_hosts.py", "test_lost_hosts.py"]

Deploy = Callable[..., Deployment]


@pytest.fixture
def deploy(new_pipeline: NewPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Return a function that deploys the test's pipeline on a world with this number of days."""
    with ExitStack() as stack:

        def new(days: int, application: str, max_runtime: int) -> Deployment:
            pipeline = new_pipeline(days=days, transactions=16 * days)
            return stack.enter_context(deployed(pipeline, tmp_path, monkeypatch, application, max_runtime))

        yield new


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Yield a host for each worker, which shares nothing with this machine but a network."""
    with ExitStack() as stack:
        try:
            created = stack.enter_context(hosts.network(tmp_path, WORKERS))
        except hosts.NoNetworkError as error:
            pytest.skip(f"two hosts cannot be simulated here: {error}")
        yield created


@pytest.fixture
def postgres_on_network(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """Yield a server that also listens on the network, with a password and for its hosts only, and the password."""
    monkeypatch.setitem(embedded.SETTINGS, "listen_addresses", network.address)
    password = secrets.token_hex(16)
    with folders.temporary("inn8-hosts-") as folder, EmbeddedPostgres(folder, durable=False) as server:
        with (folder / "data" / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write(f"\nhost all postgres {network.subnet} scram-sha-256\n")
        engine = sqlalchemy.create_engine(server.url("postgres"))
        with engine.begin() as connection:
            connection.exec_driver_sql(f"alter role postgres password '{password}'")
            connection.exec_driver_sql("select pg_reload_conf()")
        engine.dispose()
        yield server, password
