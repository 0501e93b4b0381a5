"""Dagster's instance, opened for one command, and the errors of its storage."""

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
    """Dagster's own storage cannot be reached or written, so the sync log cannot be written there either."""

    condition: str

    def __str__(self) -> str:
        """Return what is broken, what it means for the sync, and what to check."""
        return (
            f"Dagster's storage cannot be used ({self.condition}). The sync was not run, or broke off, and its log "
            f"could not be written there; a merge that had been committed stands. Check {STORAGE_URL} and the server "
            "(`inn8 doctor`); then rerun."
        )


@contextmanager
def open_instance(environment: Environment) -> Iterator[DagsterInstance]:
    """Yield the instance of DAGSTER_HOME, or of our own folder where that is not set.

    Raises:
        SettingsError: DAGSTER_HOME, its dagster.yaml or DAGSTER_POSTGRES_URL is wrong.
        DagsterStorageError: The storage cannot be reached.

    """
    home = dagster_home(environment)
    url = read_storage_url(environment)
    # A setting of Dagster's: the events of a step's days are written together, not one by one.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(_EVENTS_AT_ONCE))
    with storage_guarded():
        _connect_once(url)
        instance = _load(home)
        # Keep connections: a new one for each of the hundreds of events of a run takes a quarter of its time.
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _MORE_CONNECTIONS)
    with instance:
        yield instance


def _load(home: Path) -> DagsterInstance:
    try:
        return DagsterInstance.from_config(str(home))
    except (DagsterError, CheckError, YAMLError, TypeError) as error:
        # Their texts can hold the values of the file.
        problem = (
            f"names a folder whose dagster.yaml cannot be loaded ({type(error).__name__}): nothing was run, and "
            "`dagster instance info` says why"
        )
        raise SettingsError("DAGSTER_HOME", problem, "/srv/inn8") from None


def check_configuration(instance: DagsterInstance) -> None:
    """Check what syncs need of dagster.yaml: Dagster's own defaults keep runs of one entity neither apart nor bounded.

    Raises:
        SettingsError: Something is missing, as in an empty file.

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
        problem = f"names a folder whose dagster.yaml lacks {', '.join(missing)}: take the one of this release"
        raise SettingsError("DAGSTER_HOME", problem, "/srv/inn8")


def _connect_once(url: str | None) -> None:
    """Check that the storage answers: Dagster itself would retry for twelve seconds without a message."""
    if url is not None:
        create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}).connect().close()


@contextmanager
def storage_guarded() -> Iterator[None]:
    """Turn what Dagster's storage raises into a `DagsterStorageError` that names its class: its text can hold a URL."""
    try:
        yield
    except (DagsterPostgresException, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        raise DagsterStorageError(type(getattr(cause, "orig", None) or cause).__name__) from None
