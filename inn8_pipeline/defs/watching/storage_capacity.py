"""Check that Dagster's tables do not grow without end, and that connections do not run out.

`instance.capacity` has what the alerts look at too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import Connection, text

from inn8_pipeline.defs.instance.capacity import GIGABYTE, CapacityError
from inn8_pipeline.defs.jobs import maintenance
from inn8_pipeline.settings import Environment, now, read_database, read_retention
from inn8_pipeline.warehouse import database

MAINTENANCE_INTERVAL = timedelta(days=8)
"""The maintenance runs every week."""
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
MAX_CONNECTIONS_PERCENT = 90
STORAGE_URL = "DAGSTER_POSTGRES_URL"

# The numbers of pg_stat_database are visible to every login; those of pg_stat_activity are not.
_CONNECTIONS = text("""
    select coalesce(sum(numbackends), 0)::integer as used,
        current_setting('max_connections')::integer
            - current_setting('superuser_reserved_connections')::integer
            - current_setting('reserved_connections')::integer as allowed
    from pg_stat_database
""")

_LARGEST = text("""
    select relname as name, pg_total_relation_size(oid) as bytes from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace
     order by bytes desc limit 3
""")


def check_tables(instance: DagsterInstance, environment: Environment) -> str:
    """Return the sizes of the largest tables of Dagster's storage.

    Raises:
        CapacityError: Runs are there that the weekly maintenance should have deleted, and it has not succeeded lately.

    """
    keep = timedelta(days=read_retention(environment).run_days)
    ended = RunsFilter(statuses=ENDED, created_before=now() - keep - MAINTENANCE_INTERVAL)
    is_due = bool(instance.get_run_records(ended, limit=1))
    success = RunsFilter(
        job_name=maintenance.JOB,
        statuses=[DagsterRunStatus.SUCCESS],
        created_after=now() - MAINTENANCE_INTERVAL,
    )
    has_run = bool(instance.get_run_records(success, limit=1))
    with _storage(instance) as connection:
        if connection is None:
            return "not examined: Dagster's storage is not in Postgres"
        sizes = [f"{row.name} {row.bytes / GIGABYTE:.1f} GB" for row in connection.execute(_LARGEST)]
    if is_due and not has_run:
        raise CapacityError(
            f"Runs older than INN8_KEEP_RUNS_DAYS ({keep.days} days) are not deleted, because {maintenance.JOB} has "
            f"not succeeded for {MAINTENANCE_INTERVAL.days} days",
            f"Dagster's tables grow ({', '.join(sizes)})",
            f"Launch the job {maintenance.JOB} in the Dagster UI; its run says why it fails.",
        )
    return f"the largest are {', '.join(sizes)}"


def check_connections(instance: DagsterInstance, environment: Environment) -> str:
    """Return how many connections of the warehouse's server and of Dagster's are used.

    Raises:
        CapacityError: One of them is nearly out of connections.
        DatabaseError: The warehouse cannot be reached.

    """
    warehouse = read_database(environment)
    with database.transaction(warehouse.engine(), "counting connections") as connection:
        found = [used_connections(connection, warehouse.variable)]
    with _storage(instance) as connection_of_dagster:
        if connection_of_dagster is not None:
            found.append(used_connections(connection_of_dagster, STORAGE_URL))
    return f"used: {'; '.join(found)}"


def used_connections(connection: Connection, variable: str) -> str:
    """Return how many of the server's connections are used; `variable` is the setting that names the server.

    Raises:
        CapacityError: It is more than `MAX_CONNECTIONS_PERCENT` of those that logins without special rights may have.

    """
    used, allowed = connection.execute(_CONNECTIONS).one()
    if used * 100 > allowed * MAX_CONNECTIONS_PERCENT:
        raise CapacityError(
            f"{used} of {allowed} connections of the server of {variable} are used",
            "when all are, syncs fail until some are closed",
            "Find who holds them (`select usename, count(*) from pg_stat_activity group by 1`), or raise "
            "`max_connections`.",
        )
    return f"{used} of {allowed} connections of the server of {variable}"


@contextmanager
def _storage(instance: DagsterInstance) -> Iterator[Connection | None]:
    """Yield a connection to Dagster's storage; None if it is not in Postgres."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        yield None
        return
    with storage.index_connection() as connection:
        yield connection if connection.dialect.name == "postgresql" else None
