"""`inn8 demo`: sync simulated data once and show the result. Only the folder of the embedded Postgres is kept."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.local.environment import LocalDatabases, local_environment
from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.folders import data_folder, folder_of_commands
from inn8_pipeline.cli.support.group import Failed, examples
from inn8_pipeline.cli.support.options import verbose_option
from inn8_pipeline.cli.support.output import console, print_messages, silence
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.cli.support.sync_runs import run_each
from inn8_pipeline.cli.support.tables import log_table, rows_table
from inn8_pipeline.entities import ENTITIES, value_columns
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.settings import Environment, read_sync
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from rich.console import Console

    from inn8_pipeline.warehouse.queries import rejects, tables
    from inn8_pipeline.warehouse.sync_log import store
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync
else:
    rejects = lazy_module("inn8_pipeline.warehouse.queries.rejects")
    store = lazy_module("inn8_pipeline.warehouse.sync_log.store")
    tables = lazy_module("inn8_pipeline.warehouse.queries.tables")

TENANT = "demo"
DATABASES = ("inn8_demo", "inn8_demo_dagster")
SAMPLE_ROWS = 3
SAMPLE_COLUMNS = 9
"""How many columns of a sample are shown, so that a row fits the terminal."""
NEXT = """\
  inn8 dev           the same with the Dagster UI and the schedules, until
                     Ctrl-C; its data is kept
  inn8 sync --help   sync the real INN8 into your own Postgres: first set
                     INN8_BASE_URL, INN8_CLIENT_ID, INN8_CLIENT_SECRET,
                     INN8_DATABASE_URL and DAGSTER_POSTGRES_URL
  inn8 doctor        check these settings and the systems that they name
"""
EPILOG = examples("inn8 demo", "inn8 demo --transactions 500000 --invalid 20")


@click.command(name="demo", epilog=EPILOG)
@click.option("--clients", default=1000, show_default=True, type=click.IntRange(1), help="Simulated clients.")
@click.option("--portfolios", default=2000, show_default=True, type=click.IntRange(1), help="Simulated portfolios.")
@click.option(
    "--transactions", default=50_000, show_default=True, type=click.IntRange(0), help="Simulated transactions."
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3660), help="Days of trade, up to today.")
@click.option("--seed", default=7, show_default=True, help="Seed of the random data.")
@click.option(
    "--invalid", "--faulty", default=3, show_default=True, type=click.IntRange(0), help="Invalid records per entity."
)
@verbose_option
def command(
    clients: int, portfolios: int, transactions: int, days: int, seed: int, invalid: int,
    verbose: bool,
) -> None:  # fmt: skip
    """Simulate an INN8, load all of it into an embedded Postgres through Dagster, and show the result.

    No settings are needed, and those of the environment are ignored, so no real system is touched. Exit code 0 means
    that every record was loaded, or rejected with a reason.
    """
    if not verbose:
        silence()
    began_at = time.monotonic()
    screen = console()
    screen.print("Starting a simulated INN8 and an embedded Postgres …")
    with (
        World(clients=clients, portfolios=portfolios, transactions=transactions, days=days, seed=seed, invalid=invalid)
        as world,
        fresh_databases() as databases,
        local_environment(databases, world, TENANT),
    ):  # fmt: skip
        environment = Environment()
        found = _sync(environment, verbose=verbose)
        _show(screen, environment, found)
        took_seconds = time.monotonic() - began_at
    screen.print(f"First load in {took_seconds:.0f} s, including set-up. Everything has been stopped.")
    commands = folder_of_commands()
    screen.print(f"\nNext{f', after `. {commands}/activate`' if commands else ''}", markup=False, soft_wrap=True)
    screen.print(NEXT, markup=False)
    if Status.FAILED in {sync.entry.status for sync in found}:
        raise Failed("The demo's sync failed; see the message above.")


@contextmanager
def fresh_databases() -> Iterator[LocalDatabases]:
    """Yield two new databases on the demo's own Postgres and a temporary folder for Dagster; drop them afterwards."""
    with ExitStack() as stack:
        stack.enter_context(_only_demo(data_folder()))
        postgres = stack.enter_context(EmbeddedPostgres(data_folder() / "demo", durable=False))
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="inn8-demo-"))
        for name in DATABASES:
            postgres.drop_database(name)  # left by a demo that was killed
            stack.callback(postgres.drop_database, name)
        yield LocalDatabases(postgres, *DATABASES, Path(home))


@contextmanager
def _only_demo(folder: Path) -> Iterator[None]:
    """Hold a lock file, because a second demo would drop the databases of the first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(folder / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed("Another `inn8 demo` is running, so this one was not started. Wait for it to end.") from None
    else:
        yield
    finally:
        os.close(file)


def _sync(environment: Environment, *, verbose: bool) -> "list[LoggedSync]":
    with dagster_modules.instance.open_instance(environment) as instance:
        definitions = dagster_modules.runs.load_definitions()
        tenant = dagster_modules.names.Tenant(TENANT)
        planned = dagster_modules.runs.plan(tenant, list(ENTITIES), read_sync(environment).full_window())
        run_each(
            planned, lambda run: dagster_modules.runs.execute(definitions, instance, run, verbose=verbose), environment
        )
    # What is shown is what was stored.
    with reading(environment, "reading the sync log") as connection:
        return list(store.read(connection, [TENANT], list(ENTITIES), store.SyncLogFilter()))


def _show(screen: "Console", environment: Environment, logged: "Sequence[LoggedSync]") -> None:
    screen.print(log_table(logged, "Sync log (inn8 log)", width=screen.width))
    print_messages(logged, failures_only=True)
    with reading(environment, "reading the demo's tables") as connection:
        counted = tables.row_counts(connection, TENANT)
        counts = [{"Table": table, "Rows": f"{count:,}"} for table, count in counted.items()]
        screen.print(rows_table(counts, ("Table", "Rows"), "Rows"))
        for declared in (each for entity in ENTITIES for each in reversed(entity.declarations)):
            rows = tables.sample(connection, TENANT, declared.name, SAMPLE_ROWS)
            columns = ("external_id", *value_columns(declared))[:SAMPLE_COLUMNS]
            title = f"inn8.{declared.name}, {SAMPLE_ROWS} rows"
            screen.print(rows_table(rows, columns, title, width=screen.width, expendable=columns[:1:-1]))
        rejected = rejects.list_rejects(connection, TENANT)
    screen.print(
        rows_table(
            rejected,
            ("entity", "external_id", "reason_code", "reason"),
            "Rejected records and the reasons",
            width=screen.width,
        )
    )
