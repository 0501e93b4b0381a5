"""Check that tables and connections do not run out; `defs.instance.capacity` has what the alerts look at too."""

from datetime import timedelta

from dagster import DagsterRunStatus, RunsFilter
from sqlalchemy import Engine, text

from inn8_pipeline.cli.instance.home import dagster_home
from inn8_pipeline.cli.instance.instance import guarded_instance
from inn8_pipeline.defs import maintenance
from inn8_pipeline.defs.instance import capacity
from inn8_pipeline.defs.instance.capacity import GIGABYTE, CapacityError
from inn8_pipeline.settings import Environment, now, read_retention, read_sync
from inn8_pipeline.warehouse import database

MAINTENANCE_INTERVAL = timedelta(days=8)
"""The maintenance runs every week."""
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
MAX_CONNECTIONS_PERCENT = 90

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


def check_runs(environment: Environment) -> str:
    """Return how many runs wait and are in progress, or raise a `CapacityError`."""
    most_wait, _ = read_sync(environment).freshness_bounds()
    with guarded_instance(environment) as instance:
        return capacity.check_runs(instance, most_wait)


def check_disk(environment: Environment) -> str:
    """Return how much disk is free where Dagster writes the output of runs, or raise a `CapacityError`."""
    return capacity.check_disk(dagster_home(environment))


def check_tables(environment: Environment, engine: Engine) -> str:
    """Return the sizes of the largest tables of Dagster's storage.

    Raises:
        CapacityError: Runs are there that the weekly maintenance should have deleted, and it has not succeeded lately.

    """
    keep = timedelta(days=read_retention(environment).run_days)
    with guarded_instance(environment) as instance:
        ended = RunsFilter(statuses=ENDED, created_before=now() - keep - MAINTENANCE_INTERVAL)
        is_due = bool(instance.get_run_records(ended, limit=1))
        success = RunsFilter(
            job_name=maintenance.JOB,
            statuses=[DagsterRunStatus.SUCCESS],
            created_after=now() - MAINTENANCE_INTERVAL,
        )
        has_run = bool(instance.get_run_records(success, limit=1))
    with database.transaction(engine, "measuring Dagster's tables") as connection:
        sizes = [f"{row.name} {row.bytes / GIGABYTE:.1f} GB" for row in connection.execute(_LARGEST)]
    if is_due and not has_run:
        raise CapacityError(
            f"Runs older than INN8_KEEP_RUNS_DAYS ({keep.days} days) are not deleted, because {maintenance.JOB} has "
            f"not succeeded for {MAINTENANCE_INTERVAL.days} days",
            f"Dagster's tables grow ({', '.join(sizes)})",
            f"Launch the job {maintenance.JOB} in the Dagster UI; its run says why it fails.",
        )
    return f"the largest are {', '.join(sizes)}"


def check_connections(engine: Engine, variable: str) -> str:
    """Return how many of the server's connections are used; `variable` is the setting that names the server.

    Raises:
        CapacityError: It is more than `MAX_CONNECTIONS_PERCENT` of those that logins without special rights may have.

    """
    with database.transaction(engine, "counting connections") as connection:
        used, allowed = connection.execute(_CONNECTIONS).one()
    if used * 100 > allowed * MAX_CONNECTIONS_PERCENT:
        raise CapacityError(
            f"{used} of {allowed} connections of the server of {variable} are used",
            "when all are, syncs fail until some are closed",
            "Find who holds them (`select usename, count(*) from pg_stat_activity group by 1`), or raise "
            "`max_connections`.",
        )
    return f"{used} of {allowed} connections of the server of {variable}"
