"""`inn8 demo`: run one whole sync of simulated data and show its result; only Postgres' empty folder stays."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from inn8_pipeline.cli.local.environment import LocalDatabases, local_environment
from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.folders import data_folder
from inn8_pipeline.cli.support.group import Failed, examples
from inn8_pipeline.cli.support.options import verbose_option
from inn8_pipeline.cli.support.output import console, log_table, print_messages, rows_table, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.sync_runs import run_each
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.settings import Environment, read_sync
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.queries import rejects, tables
from inn8_pipeline.warehouse.sync_log import store
from inn8_pipeline.warehouse.sync_log.store import Wanted

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

TENANT = "demo"
DATABASES = ("inn8_demo", "inn8_demo_dagster")
SAMPLE_ROWS = 3
COLUMNS = {
    "clients": ("id", "external_id", "name", "email", "phone", "address", "status"),
    "portfolios": ("id", "external_id", "client_id", "name", "account_number", "account_type", "status"),
    "securities": ("id", "external_id", "symbol", "name", "isin", "security_type", "currency"),
    "transactions": (
        "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "quantity", "price", "amount",
        "currency",
    ),
}  # fmt: skip
NEXT = """
Next
  inn8 dev           the same with the Dagster UI, the schedule, and data that stays
  inn8 sync --help   point it at the real INN8 and your own Postgres: INN8_BASE_URL, INN8_CLIENT_ID,
                     INN8_CLIENT_SECRET, INN8_DATABASE_URL, DAGSTER_POSTGRES_URL; `inn8 doctor` checks them
"""
EPILOG = examples("inn8 demo", "inn8 demo --transactions 500000 --faulty 20")


@click.command(name="demo", epilog=EPILOG)
@click.option("--clients", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--portfolios", default=2000, show_default=True, type=click.IntRange(1))
@click.option("--transactions", default=50_000, show_default=True, type=click.IntRange(0))
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3660), help="Days of trade, to today.")
@click.option("--seed", default=7, show_default=True, help="Another seed makes other data.")
@click.option("--faulty", default=3, show_default=True, type=click.IntRange(0), help="Invalid records per collection.")
@verbose_option
def command(
    clients: int, portfolios: int, transactions: int, days: int, seed: int, faulty: int,
    verbose: bool,
) -> None:  # fmt: skip
    """Simulate an INN8, load all of it into an embedded Postgres through Dagster, and show the result.

    It needs no settings and touches nothing that they name. Exit code 0: every record is in, or rejected with a reason.
    """
    if not verbose:
        silence()
    began_at = time.monotonic()
    screen = console()
    screen.print("Starting a simulated INN8 and an embedded Postgres …")
    with (
        World(clients=clients, portfolios=portfolios, transactions=transactions, days=days, seed=seed, faulty=faulty)
        as world,
        fresh_databases() as databases,
        local_environment(databases, world, TENANT),
    ):  # fmt: skip
        environment = Environment()
        found = _sync(environment, verbose=verbose)
        _show(screen, environment, found)
        took_seconds = time.monotonic() - began_at
    screen.print(f"First load in {took_seconds:.0f} s, including set-up. Everything is stopped.")
    screen.print(NEXT, markup=False)
    if Status.FAILED in {sync.entry.status for sync in found}:
        raise Failed("The demo's sync failed; see the message above.")


@contextmanager
def fresh_databases() -> Iterator[LocalDatabases]:
    """Yield two new databases on the demo's own Postgres and a temporary folder for Dagster; drop them afterwards."""
    with ExitStack() as stack:
        stack.enter_context(_alone(data_folder()))
        postgres = stack.enter_context(EmbeddedPostgres(data_folder() / "demo", durable=False))
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="inn8-demo-"))
        for name in DATABASES:
            postgres.drop_database(name)  # of a demo that was killed
            stack.callback(postgres.drop_database, name)
        yield LocalDatabases(postgres, *DATABASES, Path(home))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock: a second demo would drop the databases of the first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(folder / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed("Another `inn8 demo` is running: this one was not started. Wait for it to end.") from None
    else:
        yield
    finally:
        os.close(file)


def _sync(environment: Environment, *, verbose: bool) -> "list[LoggedSync]":
    with dagster_modules.instance.open_instance(environment) as instance:
        definitions = dagster_modules.runs.load_definitions()
        tenant = dagster_modules.names.Tenant(TENANT)
        planned = dagster_modules.runs.plan(tenant, list(ENTITIES), read_sync(environment).history())
        run_each(
            planned, lambda run: dagster_modules.runs.execute(definitions, instance, run, verbose=verbose), environment
        )
    # What is shown is what was stored.
    with reading(environment, "reading the sync log") as connection:
        return list(store.read(connection, [TENANT], list(ENTITIES), Wanted()))


def _show(screen: Console, environment: Environment, logged: "Sequence[LoggedSync]") -> None:
    screen.print(log_table(logged, "Sync log (inn8 log)", width=screen.width))
    print_messages(logged, failures_only=True)
    with reading(environment, "reading the demo's tables") as connection:
        counted = tables.row_counts(connection, TENANT)
        counts = [{"Table": table, "Rows": f"{count:,}"} for table, count in counted.items()]
        screen.print(rows_table(counts, ("Table", "Rows"), "Rows"))
        for table, columns in COLUMNS.items():
            rows = tables.sample(connection, TENANT, table, SAMPLE_ROWS)
            screen.print(rows_table(rows, columns, f"inn8.{table}, {SAMPLE_ROWS} rows"))
        rejected = rejects.list_rejects(connection, TENANT)
    screen.print(rows_table(rejected, ("entity", "external_id", "reason_code", "reason"), "Rejected, with reasons"))
