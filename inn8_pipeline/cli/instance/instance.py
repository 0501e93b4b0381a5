"""Open the Dagster instance for a command, check its dagster.yaml, and translate the errors of its storage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterError, DagsterInstance
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError
from yaml import YAMLError

from inn8_pipeline.cli.instance.home import STORAGE_URL, dagster_home, read_storage_url
from inn8_pipeline.defs.instance.internals import CheckError, PoolGranularity
from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.settings import Environment

CONNECT_SECONDS = 10
STATEMENT_MILLISECONDS = 60_000
_RECYCLE_SECONDS = 3600
_MORE_CONNECTIONS = 20
_EVENTS_AT_ONCE = 1000


@dataclass(eq=False)
class DagsterStorageError(Inn8Error):
    """Dagster's own storage cannot be reached or written, so the sync log cannot be written either."""

    condition: str

    def __str__(self) -> str:
        """Return what is broken, what it means for the sync, and what to check."""
        return (
            f"Dagster's storage cannot be used ({self.condition}). The sync was not run or was interrupted, and its "
            f"log could not be written; a merge that had been committed stays. Check {STORAGE_URL} and the server "
            "(`inn8 doctor`), then run it again."
        )


@contextmanager
def open_instance(environment: Environment) -> Iterator[DagsterInstance]:
    """Yield the instance of DAGSTER_HOME, or of our own folder if that is not set.

    Raises:
        SettingsError: DAGSTER_HOME, its dagster.yaml or DAGSTER_POSTGRES_URL is invalid.
        DagsterStorageError: The storage cannot be reached.

    """
    home = dagster_home(environment)
    url = read_storage_url(environment)
    # A setting of Dagster's: write the events of a step's days in batches, not one by one.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(_EVENTS_AT_ONCE))
    with storage_guarded():
        _connect_once(url)
        instance = _load(home)
        # Keep connections: opening a new one for each of the hundreds of events takes a quarter of a run's time.
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _MORE_CONNECTIONS)
    with instance:
        yield instance


@contextmanager
def guarded_instance(environment: Environment) -> Iterator[DagsterInstance]:
    """Yield the instance of `open_instance`; an error of its storage while it is open is a `DagsterStorageError`."""
    with open_instance(environment) as instance, storage_guarded():
        yield instance


def _load(home: Path) -> DagsterInstance:
    try:
        return DagsterInstance.from_config(str(home))
    except (DagsterError, CheckError, YAMLError, TypeError) as error:
        # The texts of these errors can contain values of the file.
        problem = (
            f"names a folder whose dagster.yaml cannot be loaded ({type(error).__name__}): nothing was run, and "
            "`dagster instance info` says why"
        )
        raise SettingsError("DAGSTER_HOME", problem, "/srv/inn8") from None


def check_configuration(instance: DagsterInstance) -> None:
    """Check that dagster.yaml has what syncs need.

    With Dagster's defaults, runs of one entity would overlap, and no run would have a time limit.

    Raises:
        SettingsError: A required section is missing, or the file is empty.

    """
    pools = instance.get_concurrency_config().pool_config
    is_there = {
        "storage in Postgres": isinstance(instance.event_log_storage, PostgresEventLogStorage),
        "pools with granularity run and a limit of 1": (
            pools.pool_granularity is PoolGranularity.RUN and pools.default_pool_limit == 1
        ),
        "run monitoring": instance.run_monitoring_enabled,
    }
    missing = [name for name, found in is_there.items() if not found]
    if missing:
        problem = f"names a folder whose dagster.yaml lacks {', '.join(missing)}: use the dagster.yaml of this release"
        raise SettingsError("DAGSTER_HOME", problem, "/srv/inn8")


def _connect_once(url: str | None) -> None:
    """Check that the storage answers, because Dagster itself would retry for twelve seconds without a message."""
    if url is not None:
        create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}).connect().close()


@contextmanager
def storage_guarded() -> Iterator[None]:
    """Raise an error of Dagster's storage as a `DagsterStorageError` with its class only: its text can hold a URL."""
    try:
        yield
    except (DagsterPostgresException, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        raise DagsterStorageError(type(getattr(cause, "orig", None) or cause).__name__) from None
