"""Check that runs can go on: the queue moves, no run exceeds its time limit, and disk is left.

`inn8 doctor` and the alerts look at the same things by the same bounds.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.jobs.sync_job import MAX_RUNTIME_SECONDS
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import moment, now

MONITORING_GRACE = timedelta(minutes=15)
"""Run monitoring ends a run that exceeds its time limit; within this time, if it works."""
MIN_FREE_BYTES = 2 * 10**9
GIGABYTE = 10**9

_OVER_TIME = (
    "the syncs behind it wait",
    "Check that `dagster-daemon run` works, which ends such runs; else terminate the run in the Dagster UI.",
)
_QUEUE_BLOCKED = (
    "nothing is synced",
    (
        "Restart `dagster-daemon run`; its output says why it starts no run. The page Concurrency of the Dagster UI "
        "shows a pool that is held by a run that has ended."
    ),
)
_NEARLY_FULL = (
    "when it is full, runs fail and write no output",
    "Delete old folders in `storage` there, or enlarge the disk.",
)


@dataclass(eq=False)
class CapacityError(Inn8Error):
    """Syncs cannot go on, or soon cannot: runs are stuck, or disk or connections are used up."""

    finding: str
    consequence: str
    way_out: str

    def __str__(self) -> str:
        """Return what was found, what it means for the data, and what to do."""
        return f"{self.finding}: {self.consequence}. {self.way_out}"


def check_runs(instance: dg.DagsterInstance, most_wait: timedelta, timezone: str | None) -> str:
    """Return how many runs wait and are in progress.

    Raises:
        CapacityError: Queued runs have waited longer than `most_wait` although none is in progress, or a run has
            exceeded its time limit.

    """
    status = dg.DagsterRunStatus
    queued = _records(instance, status.QUEUED)
    begun = _records(instance, status.STARTING, status.STARTED, status.CANCELING)
    stuck = [record for record in begun if _is_over_time(record)]
    if stuck:
        run = stuck[0].dagster_run
        finding = f"The run {run.run_id[:8]} ({run.job_name}) has exceeded its time limit"
        raise CapacityError(finding, *_OVER_TIME)
    oldest = queued[0] if queued else None
    if oldest is not None and not begun and now() - _utc(oldest.create_timestamp) > most_wait:
        since = moment(_utc(oldest.create_timestamp), timezone)
        finding = f"{len(queued)} runs are queued, the oldest since {since}, and none is in progress"
        raise CapacityError(finding, *_QUEUE_BLOCKED)
    return f"{len(queued)} runs are queued, {len(begun)} are in progress"


def _records(instance: dg.DagsterInstance, *statuses: dg.DagsterRunStatus) -> list[dg.RunRecord]:
    """Return the runs of these statuses, oldest first."""
    return list(instance.get_run_records(dg.RunsFilter(statuses=list(statuses)), ascending=True))


def _is_over_time(record: dg.RunRecord) -> bool:
    tag = record.dagster_run.tags.get(names.MAX_RUNTIME_TAG, "")
    limit = timedelta(seconds=int(tag) if tag.isdecimal() else MAX_RUNTIME_SECONDS)
    began_at = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else _utc(record.update_timestamp)
    return now() - began_at > limit + MONITORING_GRACE


def _utc(instant: datetime) -> datetime:
    """Return the instant with its time zone, which some of Dagster's storages leave out."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def check_disk(folder: Path) -> str:
    """Return how much disk is free where Dagster writes the output of runs.

    Raises:
        CapacityError: It is less than `MIN_FREE_BYTES`.

    """
    free = free_bytes(folder)
    if free < MIN_FREE_BYTES:
        finding = f"Only {free / GIGABYTE:.1f} GB are free on the disk of DAGSTER_HOME"
        raise CapacityError(finding, *_NEARLY_FULL)
    return f"{free / GIGABYTE:.1f} GB are free on the disk of DAGSTER_HOME"


def free_bytes(folder: Path) -> int:
    """Return how many bytes are free on the disk of the folder."""
    return shutil.disk_usage(folder).free
