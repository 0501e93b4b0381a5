"""PgBouncer between the pipeline and Postgres, in session mode and in transaction mode.

Needs the program `pgbouncer`; Debian has it in the package of that name.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from inn8_pipeline.sandbox.postgres.folder import private_folder, system_user
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.circuit_store import PostgresCircuits
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.transform.builders import transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, many

pytestmark = pytest.mark.skipif(not shutil.which("pgbouncer"), reason="the program pgbouncer is not installed")

CONFIGURATION = """
[databases]
* = host={server}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = 5
"""


@contextmanager
def pooled(url: str, mode: str) -> Iterator[str]:
    """Yield the URL of the same database by way of a PgBouncer in this mode, on a Unix socket of its own."""
    direct = sqlalchemy.make_url(url)
    with tempfile.TemporaryDirectory(prefix="inn8-pooler-") as name:
        folder, user = Path(name), system_user()
        (folder / "users.txt").write_text(f'"{direct.username}" ""\n')
        settings = CONFIGURATION.format(server=direct.query["host"], folder=folder, mode=mode)
        (folder / "pgbouncer.ini").write_text(settings)
        private_folder(folder, owner=user)
        command = ["pgbouncer", "--quiet", str(folder / "pgbouncer.ini")]
        with subprocess.Popen(command, user=user, group=user, extra_groups=() if user else None) as pooler:
            try:
                wanted = direct.set(query={"host": name, "port": "6432"})
                until_it_answers(wanted)
                yield wanted.render_as_string(hide_password=False)
            finally:
                pooler.terminate()


def until_it_answers(url: sqlalchemy.URL) -> None:
    ends_at = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)).close()
        except psycopg.OperationalError:
            assert time.monotonic() < ends_at, "PgBouncer does not answer"
            time.sleep(0.1)
        else:
            return


@pytest.mark.parametrize(("mode", "prepares"), [("session", True), ("session", False), ("transaction", False)])
def test_everything_works_through_a_pooler(empty_database: str, mode: str, prepares: bool) -> None:  # noqa: FBT001
    with pooled(empty_database, mode) as url, Syncs(url) as syncs:
        syncs.engine = database.connect(url, prepares_statements=prepares)
        assert migrations.upgrade(syncs.engine) == migrations.SCHEMA_VERSION
        syncs.with_parents()
        for number in range(8):
            changed, invalid = transaction(description=f"{number}"), transaction(id="T-2", fees="x")
            assert syncs.transactions([changed, *many(transaction, 50), invalid]).counts.rejected == 1
        assert (
            syncs.transactions([transaction(id="X-001")], removal_limit=RemovalLimit(is_overridden=True)).missing == 50
        )
        with PostgresCircuits(syncs.engine, TENANT) as circuits:
            for _ in range(9):
                assert not circuits.admit("/clients", 1)
                circuits.failed("/clients", "answered 503", is_trial=False)
                circuits.succeeded("/clients", is_trial=False)
