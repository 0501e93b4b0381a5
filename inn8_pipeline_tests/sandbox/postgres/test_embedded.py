"""The embedded Postgres: restarts, several users, killed processes, unusual folders."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from inn8_pipeline.sandbox.errors import FolderBusyError, OtherPostgresVersionError, PostgresNotOpenError
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres, default_folder
from inn8_pipeline.sandbox.postgres.folder import FolderLock
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.daemons import until


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Yield a folder of the test's own. Another test run makes pytest's inaccessible to the user of Postgres."""
    with folders.temporary("inn8-embedded-") as folder:
        yield folder


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sa.text(sql))
        return [tuple(row) for row in result] if result.returns_rows else []


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def test_data_survive_a_restart_on_the_same_folder(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        url = postgres.url("warehouse")
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = postmaster(tmp_path / "pg")
    until(lambda: is_gone(first))
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("warehouse"), "SELECT answer FROM kept") == [(42,)]
        assert postgres.url("warehouse") == url


def test_both_drivers_connect_to_a_server_in_utc_and_utf8_without_a_network(tmp_path: Path) -> None:
    settings = ("TimeZone", "server_encoding", "listen_addresses")
    shown = ", ".join(f"current_setting('{name}')" for name in settings)
    sql = f"SELECT {shown}, 'ë' < 'f'"
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        for driver in ("psycopg", "psycopg2"):
            url = postgres.url("a database", driver)
            assert url.startswith(f"postgresql+{driver}://")
            assert ask(url, sql) == [("UTC", "UTF8", "", False)]
        server = postmaster(tmp_path / "pg")
        assert server.net_connections("inet") == []


def test_a_folder_with_a_long_path_and_special_characters_works(tmp_path: Path) -> None:
    folder = tmp_path / "an odd 'folder', ë" / ("long" * 20) / ("longer" * 10)
    with EmbeddedPostgres(folder, durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]
        sockets = postgres.socket_folder
    assert not sockets.exists()


def test_the_last_of_several_users_stops_the_server(tmp_path: Path) -> None:
    first, second = EmbeddedPostgres(tmp_path / "pg", durable=False), EmbeddedPostgres(tmp_path / "pg", durable=False)
    first.start()
    second.start()
    first.stop()
    assert ask(second.url("x"), "SELECT 1") == [(1,)]
    server = postmaster(tmp_path / "pg")
    second.stop()
    second.stop()
    until(lambda: is_gone(server))


def is_gone(process: psutil.Process) -> bool:
    # Without an init process that reaps orphans, as in many containers, an ended process remains as a zombie.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


HOLD = """
import sys, time
from pathlib import Path
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as postgres:
    print(postgres.url("x"), flush=True)
    time.sleep(60)
"""


def test_a_killed_user_does_not_block_the_next_one(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "pg")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().startswith(b"postgresql+psycopg://")
        holder.kill()
    server = postmaster(tmp_path / "pg")
    assert server.is_running()
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]
        assert postmaster(tmp_path / "pg") == server
    until(lambda: is_gone(server))


def test_a_killed_server_restarts_with_its_data(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "pg", durable=False)
    first.start()
    ask(first.url("x"), "CREATE TABLE kept AS SELECT 42 AS answer")
    server = postmaster(tmp_path / "pg")
    server.send_signal(signal.SIGKILL)
    psutil.wait_procs([server], timeout=10)
    first.stop()
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT answer FROM kept") == [(42,)]


def test_a_reused_process_id_is_not_taken_for_the_server(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        ask(postgres.url("x"), "SELECT 1")
        left = (tmp_path / "pg" / "data" / "postmaster.pid").read_text().splitlines()
    (tmp_path / "pg" / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left[1:]]))
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]


def test_a_killed_initialisation_is_restarted(tmp_path: Path) -> None:
    (tmp_path / "pg" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]


def test_data_of_another_version_are_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(OtherPostgresVersionError, match="Postgres 12"):
        EmbeddedPostgres(tmp_path).start()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["PG_VERSION"]


def test_a_server_that_is_not_open_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(PostgresNotOpenError):
        EmbeddedPostgres(tmp_path).url("x")


def test_waiting_for_the_lock_of_the_folder_times_out(tmp_path: Path) -> None:
    started_at = time.monotonic()
    with FolderLock(tmp_path, 0), pytest.raises(FolderBusyError), FolderLock(tmp_path, 0.1):
        pass
    assert time.monotonic() - started_at < 5


def test_databases_are_copied_from_a_template_and_dropped(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        ask(postgres.url("template"), "CREATE TABLE kept AS SELECT 42 AS answer")
        postgres.ensure_database('co"py', template="template")
        assert ask(postgres.url('co"py'), "SELECT answer FROM kept") == [(42,)]
        postgres.drop_database('co"py')
        assert ask(postgres.url('co"py'), "SELECT to_regclass('kept')") == [(None,)]


def test_the_log_of_the_server_does_not_repeat_values_of_statements(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        ask(postgres.url("x"), "CREATE TABLE people (name text UNIQUE)")
        with psycopg.connect(postgres.url("x").replace("+psycopg", "")) as connection:
            connection.execute("INSERT INTO people VALUES ('Secret Person')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO people VALUES ('Secret Person')")
        log = postgres.log_path.read_text()
    assert "duplicate key" in log
    assert "Secret Person" not in log


def test_the_default_folder_is_in_the_users_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder().parts[-2:] == ("inn8_pipeline", "postgres")
    assert not (tmp_path / "inn8_pipeline").exists()
