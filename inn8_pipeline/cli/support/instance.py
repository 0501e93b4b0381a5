"""Dagster's instance, opened for one command: its storage, its silence, its errors.

Here belongs the way to Dagster's storage. What is run or read there is for `runs` and `history`.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support.folders import dagster_home
from inn8_pipeline.errors import Inn8Error, SettingsError
from inn8_pipeline.settings import Environment, well_formed

if TYPE_CHECKING:
    from dagster import DagsterInstance

STORAGE_URL = "DAGSTER_POSTGRES_URL"
CONNECT_SECONDS = 10
STATEMENT_MILLISECONDS = 60_000
_RECYCLE_SECONDS = 3600
_MORE_CONNECTIONS = 20
_EVENTS_AT_ONCE = 1000
STORAGE_EXAMPLE = "postgresql+psycopg2://inn8:secret@localhost:5432/dagster"


@dataclass(eq=False)
class DagsterStorageError(Inn8Error):
    """Dagster's own storage cannot be reached or written: then nothing can be logged there, so it is said here."""

    condition: str

    def __str__(self) -> str:
        """What is broken, what became of the sync, what to check."""
        return (
            f"Dagster's storage cannot be used ({self.condition}). The sync was not run, or broke off, and its log "
            f"could not be written there; a merge that had been committed stands. Check {STORAGE_URL} and the server "
            "(`inn8 doctor`); then rerun."
        )


@contextmanager
def open_instance(environment: Environment) -> Iterator["DagsterInstance"]:
    """The instance of DAGSTER_HOME, or ours. SettingsError before anything is imported, DagsterStorageError after."""
    home = dagster_home(environment)
    url = read_storage_url(environment)
    # Dagster's own setting: what a step tells of each of its days is written at once, and not event by event.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(_EVENTS_AT_ONCE))
    from dagster import DagsterInstance

    with storage_guarded():
        _knock(url)
        instance = DagsterInstance.from_config(str(home))
        # Keep connections: a new one for each of the hundreds of events of a run takes a quarter of its time.
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _MORE_CONNECTIONS)
    with instance:
        yield instance


def read_storage_url(environment: Environment) -> str | None:
    """The URL of Dagster's storage, set in the process's environment for dagster.yaml, also where a file has it.

    None where the instance's dagster.yaml does not ask for it.
    """
    config = dagster_home(environment) / "dagster.yaml"
    if not config.is_file() or STORAGE_URL not in config.read_text(encoding="utf-8"):
        return None
    url = environment.read(STORAGE_URL, STORAGE_EXAMPLE)
    if not url.startswith("postgresql+psycopg2://"):
        raise SettingsError(STORAGE_URL, "must be a URL that names psycopg2 as its driver", STORAGE_EXAMPLE)
    os.environ[STORAGE_URL] = well_formed(STORAGE_URL, url, STORAGE_EXAMPLE)
    return url


def _knock(url: str | None) -> None:
    """See that the storage answers: Dagster itself would go on trying for twelve seconds, without a word."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    if url is not None:
        create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}).connect().close()


@contextmanager
def storage_guarded() -> Iterator[None]:
    """Turn what Dagster's storage raises into a `DagsterStorageError`: kinds alone, for a URL can hold a password."""
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (DagsterPostgresException, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        raise DagsterStorageError(type(getattr(cause, "orig", None) or cause).__name__) from None


def silence() -> None:
    """Keep warnings and log lines of libraries off the terminal, unless Python was told to show them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("", "dagster"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
