"""The servers that all programs use: one sandbox, one Postgres for the warehouses, one for Dagster's storage."""

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg

from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres

DAYS = 31
PYTHON = os.environ.get("BENCH_PYTHON", sys.executable)
"""The Python with the pipeline. `make bench` chooses one without the packages of the tests."""


@dataclass(frozen=True, slots=True)
class Size:
    """The number of records in the sandbox. Transactions are approximate, over DAYS days up to today."""

    transactions: int
    clients: int
    portfolios: int
    delay: float = 0.0

    @property
    def records(self) -> int:
        """The number of records of all three collections."""
        return self.transactions + self.clients + self.portfolios


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: its address, and its days of trade."""

    variables: dict[str, str]
    first_date: date
    last_date: date

    @property
    def base_url(self) -> str:
        """The address, without a slash at its end."""
        return self.variables["INN8_BASE_URL"]

    def change(self, fraction: float, salt: str) -> None:
        """Change one text in about this fraction of the records of each collection."""
        for collection in ("clients", "portfolios", "transactions"):
            self._post("/_sandbox/change", {"collection": collection, "fraction": fraction, "salt": salt})

    def insert(self, count: int, salt: str, *, at_end: bool) -> None:
        """Insert new transactions before all others, so that each page shifts, or after them."""
        content = {"collection": "transactions", "count": count, "salt": salt, "at_end": at_end}
        self._post("/_sandbox/insert", content)

    def warm(self, from_date: date, to_date: date) -> None:
        """Request every page as the programs will, so that none of them waits until it is rendered."""
        token = self._token()
        for collection in ("clients", "portfolios", "transactions"):
            window = {"fromDate": from_date, "toDate": to_date} if collection == "transactions" else {}
            page, last = 1, 1
            while page <= last:
                query = urllib.parse.urlencode({"pageSize": 1000, **window, "page": page})
                request = urllib.request.Request(f"{self.base_url}/{collection}?{query}")  # noqa: S310 (loopback)
                request.add_header("Authorization", f"Bearer {token}")
                request.add_header("Accept-Encoding", "gzip")
                with urllib.request.urlopen(request) as answer:  # noqa: S310
                    answer.read()
                    last = -(-int(answer.headers["x-total-count"]) // 1000)
                page += 1

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.variables["INN8_CLIENT_ID"],
            "client_secret": self.variables["INN8_CLIENT_SECRET"],
            "scope": "api.read api.write",
        }
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.base_url}/oauth/token", body) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])

    def _post(self, path: str, content: dict[str, object]) -> None:
        request = urllib.request.Request(self.base_url + path, json.dumps(content).encode(), method="POST")  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            answer.read()


@contextmanager
def open_sandbox(size: Size) -> Iterator[Sandbox]:
    """Yield a sandbox process with every page rendered, until the block ends."""
    last_date = datetime.now(UTC).date()
    first_date = last_date - timedelta(days=DAYS - 1)
    arguments = {
        "transactions": size.transactions, "clients": size.clients, "portfolios": size.portfolios, "days": DAYS,
        "first-date": first_date, "last-date": last_date, "delay": size.delay,
    }  # fmt: skip
    command = [sys.executable, "-m", "inn8_pipeline.sandbox", "--warm"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield Sandbox(dict(part.split("=", 1) for part in line.split()), first_date, last_date)
    finally:
        process.terminate()
        process.wait(30)


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, a folder for files, and `other_python`, the Python with dlt."""

    sandbox: Sandbox
    warehouse: EmbeddedPostgres
    storage: EmbeddedPostgres
    folder: Path
    other_python: str

    def conninfo(self, database: str) -> str:
        """Return the connection string for psycopg and psql."""
        return f"host={self.warehouse.socket_folder} user=postgres dbname={database}"

    def execute(self, database: str, *statements: str) -> None:
        """Run statements outside of any transaction."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def vacuum(self, database: str) -> None:
        """Do what autovacuum would do at some other time, then make a checkpoint.

        The rows that ANALYZE wrote are vacuumed too: otherwise the next program that reads them would set hint bits,
        and their WAL would count as its own.
        """
        self.execute(database, "vacuum (analyze)", "vacuum pg_statistic", "checkpoint")

    @property
    def servers(self) -> tuple[int, ...]:
        """The process ids of both servers."""
        folders = (self.warehouse.folder, self.storage.folder)
        return tuple(int((each / "data" / "postmaster.pid").read_text().split("\n", 1)[0]) for each in folders)

    def environment(self) -> dict[str, str]:
        """Return the environment without settings of ours, of Dagster or of dlt."""
        others = ("INN8_", "DAGSTER_", "NORMALIZE__", "LOAD__", "EXTRACT__", "RUNTIME__")
        return {name: value for name, value in os.environ.items() if not name.startswith(others)}


@contextmanager
def open_stage(size: Size, folder: Path, other_python: str) -> Iterator[Stage]:
    """Yield the sandbox and both servers, which are durable, until the block ends."""
    with ExitStack() as stack:
        warehouse = stack.enter_context(EmbeddedPostgres(folder / "warehouse", durable=True))
        storage = stack.enter_context(EmbeddedPostgres(folder / "storage", durable=True))
        sandbox = stack.enter_context(open_sandbox(size))
        stage = Stage(sandbox, warehouse, storage, folder, other_python)
        stage.execute("postgres", "alter system set autovacuum = off", "select pg_reload_conf()")
        yield stage
