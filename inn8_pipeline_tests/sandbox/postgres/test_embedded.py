"""The embedded Postgres: restarts, several users, killed processes, odd folders."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from inn8_pipeline.sandbox.errors import FolderBusyError, OtherPostgresVersionError, PostgresNotOpenError
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres, default_folder
from inn8_pipeline.sandbox.postgres.folder import FolderLock


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sa.text(sql))
        return [tuple(row) for row in result] if result.returns_rows else []


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def test_data_are_there_again_after_a_restart_on_the_same_folder(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        url = postgres.url("warehouse")
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = postmaster(tmp_path / "pg")
    assert is_gone(first)
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("warehouse"), "SELECT answer FROM kept") == [(42,)]
        assert postgres.url("warehouse") == url


def test_both_drivers_reach_a_server_in_utc_and_utf8_that_listens_on_no_network(tmp_path: Path) -> None:
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


def test_a_folder_with_a_long_path_and_odd_letters_works(tmp_path: Path) -> None:
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
    assert is_gone(server)


def is_gone(process: psutil.Process) -> bool:
    # Where nobody collects orphans, as in many containers, a process that has ended remains as a zombie.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


HOLD = """
import sys, time
from pathlib import Path
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as postgres:
    print(postgres.url("x"), flush=True)
    time.sleep(60)
"""


def test_a_killed_process_wedges_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "pg")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().startswith(b"postgresql+psycopg://")
        holder.kill()
    server = postmaster(tmp_path / "pg")
    assert server.is_running()
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]
        assert postmaster(tmp_path / "pg") == server
    assert is_gone(server)


def test_a_killed_server_comes_up_again_with_its_data(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "pg", durable=False)
    first.start()
    ask(first.url("x"), "CREATE TABLE kept AS SELECT 42 AS answer")
    server = postmaster(tmp_path / "pg")
    server.send_signal(signal.SIGKILL)
    psutil.wait_procs([server], timeout=10)
    first.stop()
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT answer FROM kept") == [(42,)]


def test_a_process_id_that_is_somebody_elses_by_now_is_not_taken_for_the_server(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        ask(postgres.url("x"), "SELECT 1")
        left = (tmp_path / "pg" / "data" / "postmaster.pid").read_text().splitlines()
    (tmp_path / "pg" / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left[1:]]))
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]


def test_an_initialisation_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "pg" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as postgres:
        assert ask(postgres.url("x"), "SELECT 1") == [(1,)]


def test_data_of_another_version_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(OtherPostgresVersionError, match="Postgres 12"):
        EmbeddedPostgres(tmp_path).start()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["PG_VERSION"]


def test_outside_of_with_there_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(PostgresNotOpenError):
        EmbeddedPostgres(tmp_path).url("x")


def test_a_wait_for_the_folder_has_an_end(tmp_path: Path) -> None:
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


def test_the_servers_log_does_not_repeat_what_a_statement_held(tmp_path: Path) -> None:
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
