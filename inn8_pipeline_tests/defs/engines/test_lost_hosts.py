"""Postgres notices within two minutes that a host is gone: it releases its locks, and its runs count as dead.

The host is a network namespace, which only root can create. It takes minutes: `make test-celery`.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from psycopg import sql

from inn8_pipeline.defs.runs import process
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import connect, execute
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.daemons import configure, until
from inn8_pipeline_tests.defs.engines.hosts import Host, Network

TENANT = "default"
RELEASED_SECONDS = 150
"""A minute, and ten seconds for the server to look. An unanswered packet may take 102 seconds: the system waits twice
as long each time, and asks the time limit only then if the address cannot be resolved any more."""

HOLDER = """
import sys, time
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import connect, execute
from psycopg import sql
url, entity, statement = sys.argv[1:]
with connect(url).begin() as connection:
    locks.take(connection, locks.entity("default", entity), entity, 10)
    print("held", flush=True)
    if statement:
        execute(connection, sql.SQL(statement))
    time.sleep(600)
"""
"""Takes the lock of a merge on its host, executes a statement, and would hold the lock for ten minutes."""

DOINGS = {"": "idle in transaction", "select pg_sleep(600)": "active", "select pg_sleep(10)": "active"}
"""What the holder of each lock does when its host is cut off: nothing, a long statement, or one whose result Postgres
sends to a host that is gone. The state of its session at that moment."""

RUN = """
import sys, time
from dagster import DagsterInstance
from inn8_pipeline.defs.runs import process
with DagsterInstance.get() as instance, process.shown(instance, sys.argv[1]):
    time.sleep(600)
"""
"""Shows that a run is alive."""

STATES = sql.SQL("select state from pg_stat_activity where client_addr is not null")


@pytest.fixture
def server(postgres_on_network: tuple[EmbeddedPostgres, str], network: Network) -> tuple[str, str]:
    """Return the URLs of a warehouse, for this machine and for a host."""
    postgres, password = postgres_on_network
    postgres.ensure_database("warehouse")
    url = postgres.url("warehouse")
    migrations.upgrade(connect(url))
    return url, f"postgresql://postgres:{password}@{network.address}:5432/warehouse"


def test_the_lock_of_a_host_that_is_cut_off_is_released_within_two_minutes(
    server: tuple[str, str], network: Network
) -> None:
    url, url_of_host = server
    (host, *_) = network.hosts.values()
    with ExitStack() as holders:
        for entity, statement in zip(ENTITIES, DOINGS, strict=True):
            holders.enter_context(holding(host, url_of_host, entity.name, statement))
        until(lambda: states(url) == sorted(DOINGS.values()))
        host.unplug()
        cut_at = time.monotonic()
        engine = connect(url)
        for entity in ENTITIES:
            with engine.begin() as connection:
                locks.take(connection, locks.entity(TENANT, entity.name), entity.name, RELEASED_SECONDS)
        assert time.monotonic() - cut_at < RELEASED_SECONDS


@dg.job
def nothing() -> None:
    """Do nothing."""


def test_a_run_whose_host_is_cut_off_counts_as_dead_within_two_minutes(
    postgres_on_network: tuple[EmbeddedPostgres, str], network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres, password = postgres_on_network
    postgres.ensure_database("storage")
    url = f"postgresql+psycopg2://postgres:{password}@{network.address}:5432/storage"
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (host, *_) = network.hosts.values()
    for folder in (tmp_path, host.folder):
        (folder / "dagster").mkdir()
        configure(folder / "dagster")
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(tmp_path / "dagster")))
        run_id = instance.create_run_for_job(nothing).run_id
        stack.enter_context(running(host, RUN, run_id))
        until(lambda: not process.without_process(instance, [run_id]))
        host.unplug()
        until(lambda: process.without_process(instance, [run_id]), RELEASED_SECONDS)


@contextmanager
def holding(host: Host, url: str, entity: str, statement: str) -> Iterator[None]:
    """Hold the lock of the entity on the host."""
    with running(host, HOLDER, url, entity, statement) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        yield


@contextmanager
def running(host: Host, program: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the program on the host."""
    command = (*host.prefix, sys.executable, "-c", program, *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process_on_host:
        try:
            yield process_on_host
        finally:
            process_on_host.kill()


def states(url: str) -> list[str]:
    """Return the states of the sessions of other machines."""
    with connect(url).connect() as connection:
        return sorted(row["state"] for row in execute(connection, STATES))
