"""PgBouncer in front of a database of a test, in one of its modes.

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

NEEDED = pytest.mark.skipif(not shutil.which("pgbouncer"), reason="the program pgbouncer is not installed")

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
