"""Run the commands of the pages against a simulated INN8 and an embedded Postgres, in a shell without settings.

That takes minutes, so its tests are collected only if they are named, as `make docs-check` does.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.postgres import programs
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests.docs.listed import SUBSTITUTES
from inn8_pipeline_tests.docs.pages import ROOT
from inn8_pipeline_tests.docs.shell import Shell

collect_ignore = ["test_commands.py", "test_questions.py"]

FIRST_DATE = date(2026, 2, 15)
"""Early enough for the days in the examples of the pages."""
TRANSACTIONS_OF_A_DAY = 20
DATABASES = ("inn8", "dagster")
"""The names that the pages use."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A shell in a clone, the simulated data of INN8, and the values that replace the reader's own."""

    shell: Shell
    world: World
    values: Mapping[str, str]
    postgres: EmbeddedPostgres

    def type(self, command: str, codes: Collection[int] = (0,)) -> str:
        """Run the command, which must end with one of these codes; return its standard output."""
        done = self.shell.type(self.filled_in(command))
        assert done.returncode in codes, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def refused(self, command: str) -> str:
        """Run the command, which must end with code 1; return its standard error."""
        done = self.shell.type(self.filled_in(command))
        assert done.returncode == 1, (command, done.returncode, done.stdout, done.stderr)
        return done.stderr

    def filled_in(self, command: str) -> str:
        """Return the command with the reader's own values."""
        for each in SUBSTITUTES:
            name, separator, _ = each.text.partition("=") if each.variable.startswith("CLIENT") else ("", "", "")
            command = command.replace(each.text, f"{name}{separator}{self.values[each.variable]}")
        return command

    def make_databases(self) -> None:
        """Create both databases, empty, if they do not exist."""
        for name in DATABASES:
            self.postgres.ensure_database(name)

    def install(self) -> None:
        """Do what the README says for the real INN8, up to the first sync."""
        self.make_databases()
        for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"):
            self.export(**{f"INN8_{name}": self.values[name]})
        self.export(
            INN8_DATABASE_URL=self.values["WAREHOUSE"],
            DAGSTER_POSTGRES_URL=self.values["STORAGE"],
            DAGSTER_HOME=str(self.shell.folder),
        )
        self.type(". .venv/bin/activate")
        self.type("inn8 db upgrade")

    def export(self, **changed: str) -> None:
        """Set variables in the shell."""
        self.shell.variables |= changed


@contextmanager
def set_up(postgres: EmbeddedPostgres, invalid: int) -> Iterator[Desk]:
    """Yield the desk of a reader who has cloned the project and made its virtual environment.

    INN8 sends `invalid` invalid records of each collection.
    """
    days = (datetime.now(UTC).date() - FIRST_DATE).days + 1
    folder = Path(tempfile.mkdtemp(prefix="inn8-docs-"))
    try:
        with (
            World(
                clients=40, portfolios=60, transactions=days * TRANSACTIONS_OF_A_DAY, first_date=FIRST_DATE, days=days,
                invalid=invalid,
            ) as world,
            SandboxServer(world) as server,
        ):  # fmt: skip
            yield Desk(_shell(folder, postgres), world, _values(folder, server, postgres), postgres)
    finally:
        for name in DATABASES:
            postgres.drop_database(name)
        shutil.rmtree(folder)


def _shell(folder: Path, postgres: EmbeddedPostgres) -> Shell:
    for path in ROOT.iterdir():
        if path.name != ".git":
            (folder / path.name).symlink_to(path)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "INN8_", "PG"))}
    ours = {
        "PATH": f"{programs.binaries()}:{os.environ['PATH']}",
        "XDG_DATA_HOME": str(folder / "data"),
        "PGHOST": str(postgres.socket_folder),
        "PGUSER": programs.SUPERUSER,
        "INN8_TRANSACTIONS_FROM": FIRST_DATE.isoformat(),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    return Shell({**inherited, **ours}, folder)


def _values(folder: Path, server: SandboxServer, postgres: EmbeddedPostgres) -> dict[str, str]:
    secret = folder / "secret"
    secret.write_text(server.client_secret, encoding="utf-8")
    where = f"?host={postgres.socket_folder}"
    warehouse, storage = DATABASES
    return {
        "BASE_URL": server.base_url,
        "CLIENT_ID": server.client_id,
        "CLIENT_SECRET": server.client_secret,
        "SECRET_FILE": str(secret),
        "WAREHOUSE": f"postgresql+psycopg://{programs.SUPERUSER}@/{warehouse}{where}",
        "STORAGE": f"postgresql+psycopg2://{programs.SUPERUSER}@/{storage}{where}",
        "REPOSITORY": str(ROOT),
        "CLONE": str(folder / "clone"),
    }


@pytest.fixture
def desk(postgres: EmbeddedPostgres) -> Iterator[Desk]:
    with set_up(postgres, invalid=0) as made:
        yield made
