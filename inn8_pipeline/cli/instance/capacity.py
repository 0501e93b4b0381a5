"""Check that runs can go on: the queue moves, no run exceeds its time limit, disk and connections are left."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter
from sqlalchemy import Engine, text

from inn8_pipeline.cli.instance.instance import guarded_instance
from inn8_pipeline.defs import maintenance, names
from inn8_pipeline.defs.jobs import MAX_RUNTIME_SECONDS
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, now, read_retention, read_sync
from inn8_pipeline.warehouse import database

MONITORING_GRACE = timedelta(minutes=15)
"""Run monitoring ends a run that exceeds its time limit; within this time, if it works."""
MAINTENANCE_INTERVAL = timedelta(days=8)
"""The maintenance runs every week."""
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
MIN_FREE_BYTES = 2 * 10**9
MAX_CONNECTIONS_PERCENT = 90
_GIGABYTE = 10**9

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


@dataclass(eq=False)
class CapacityError(Inn8Error):
    """Syncs cannot go on, or soon cannot: runs are stuck, or disk or connections are used up."""

    finding: str
    consequence: str
    way_out: str

    def __str__(self) -> str:
        """Return what was found, what it means for the data, and what to do."""
        return f"{self.finding}: {self.consequence}. {self.way_out}"


def check_runs(environment: Environment) -> str:
    """Return how many runs wait and are in progress.

    Raises:
        CapacityError: Queued runs wait although none is in progress, or a run has exceeded its time limit.

    """
    most_wait = timedelta(minutes=2 * read_sync(environment).tick_minutes)
    with guarded_instance(environment) as instance:
        queued = _records(instance, DagsterRunStatus.QUEUED)
        begun = _records(instance, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)
    stuck = [record for record in begun if _is_over_time(record)]
    if stuck:
        raise CapacityError(
            f"The run {stuck[0].dagster_run.run_id[:8]} ({stuck[0].dagster_run.job_name}) has exceeded its time limit",
            "the syncs behind it wait",
            "Check that `dagster-daemon run` works, which ends such runs; else terminate the run in the Dagster UI.",
        )
    oldest = queued[0] if queued else None
    if oldest is not None and not begun and now() - _utc(oldest.create_timestamp) > most_wait:
        raise CapacityError(
            f"{len(queued)} runs are queued, the oldest since {_utc(oldest.create_timestamp):%Y-%m-%d %H:%M} UTC, and "
            "none is in progress",
            "nothing is synced",
            "Restart `dagster-daemon run`; its output says why it starts no run. The page Concurrency of "
            "the Dagster UI shows a pool that is held by a run that has ended.",
        )
    return f"{len(queued)} runs are queued, {len(begun)} are in progress"


def _records(instance: DagsterInstance, *statuses: DagsterRunStatus) -> list[RunRecord]:
    """Return the runs of these statuses, oldest first."""
    return list(instance.get_run_records(RunsFilter(statuses=list(statuses)), ascending=True))


def _is_over_time(record: RunRecord) -> bool:
    tag = record.dagster_run.tags.get(names.MAX_RUNTIME_TAG, "")
    limit = timedelta(seconds=int(tag) if tag.isdecimal() else MAX_RUNTIME_SECONDS)
    began_at = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else _utc(record.update_timestamp)
    return now() - began_at > limit + MONITORING_GRACE


def _utc(instant: datetime) -> datetime:
    """Return the instant with its time zone, which some of Dagster's storages leave out."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


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
        sizes = [f"{row.name} {row.bytes / _GIGABYTE:.1f} GB" for row in connection.execute(_LARGEST)]
    if is_due and not has_run:
        raise CapacityError(
            f"Runs older than INN8_KEEP_RUNS_DAYS ({keep.days} days) are not deleted, because {maintenance.JOB} has "
            f"not succeeded for {MAINTENANCE_INTERVAL.days} days",
            f"Dagster's tables grow ({', '.join(sizes)})",
            f"Launch the job {maintenance.JOB} in the Dagster UI; its run says why it fails.",
        )
    return f"the largest are {', '.join(sizes)}"


def check_disk(folder: Path, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> str:
    """Return how much disk is free where Dagster writes the output of runs.

    Raises:
        CapacityError: It is less than `MIN_FREE_BYTES`.

    """
    free = free_bytes(folder)
    if free < MIN_FREE_BYTES:
        raise CapacityError(
            f"Only {free / _GIGABYTE:.1f} GB are free on the disk of DAGSTER_HOME",
            "when it is full, runs fail and write no output",
            "Delete old folders in `storage` there, or enlarge the disk.",
        )
    return f"{free / _GIGABYTE:.1f} GB are free on the disk of DAGSTER_HOME"


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
