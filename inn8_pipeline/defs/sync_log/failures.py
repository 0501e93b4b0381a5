"""Write the sync log entry of a step that fails or is interrupted, and retry a step that failed in Postgres."""

import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.sync_log import dagster_log, dry_runs, warehouse_log
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import (
    CircuitOpenError,
    CredentialsError,
    DatabaseError,
    Inn8Error,
    ReconciliationError,
    TransientApiError,
)
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import Cause, SyncLogEntry

RETRY_WAITS_SECONDS: tuple[float, ...] = (5, 10)
"""The waits before the retries of a step that failed in Postgres. Failures of INN8 are retried by its client.

A `dg.RetryPolicy` is not used, because it would also retry a canceled step.
"""

_NOT_IN_THE_WAREHOUSE = (
    "This sync is not in inn8.sync_log yet: %s The sensor watch_runs adds it once the warehouse can be written."
)


class LogFailures:
    """Context manager that logs any exception of a step as `Failed` in its last attempt, and raises a `dg.Failure`.

    The failure's message is that of our own exceptions. For any other exception it names only the type and the line,
    because the exception's text could contain values of a record.
    """

    def __init__(
        self, context: dg.AssetExecutionContext, tenant: Tenant, entity: Entity, days: Sequence[str] = ()
    ) -> None:
        """Log to the sync log of the entity, and for each of the run's days where it has any."""
        self._context = context
        self._key = tenant.key(entity)
        self._days = tuple(days)
        self.began_at = now()
        self.sync = warehouse_log.sync_of(context.run, tenant, entity, self._days)

    def __enter__(self) -> Self:
        """Begin the step."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log and raise. No exception is suppressed."""
        if error is None:
            return
        if isinstance(error, DatabaseError) and self._context.retry_number < len(RETRY_WAITS_SECONDS):
            self._context.log.warning(str(error))
            wait = RETRY_WAITS_SECONDS[self._context.retry_number]
            raise dg.RetryRequested(max_retries=len(RETRY_WAITS_SECONDS), seconds_to_wait=wait) from None
        message = _message(error)
        if isinstance(error, ReconciliationError) and not dry_runs.is_dry(self._context.run):
            outcome = check_rules.reconciliation_of(error.counts["fetched"], error.counts)
            for name in names.with_aliases(names.RECONCILIATION):
                self._context.log_event(outcome.evaluation(self._key, name))
        failed = SyncLogEntry(Status.FAILED, self.began_at, now(), description=message, cause=_cause(error))
        if dry_runs.is_dry(self._context.run):
            dry_runs.log(self._context, self._key, failed, changed={})
        else:
            self._write(failed)
        if isinstance(error, Exception):
            raise dg.Failure(description=message, allow_retries=False) from None

    def _write(self, failed: SyncLogEntry) -> None:
        try:
            entry = warehouse_log.write_ended(replace(self.sync, entry=failed))
            if entry.status is Status.FAILED:
                entry = replace(entry, cause=failed.cause)
        except Inn8Error as error:
            self._context.log.warning(_NOT_IN_THE_WAREHOUSE, error)
            entry = failed
        dagster_log.write(self._context, self._key, entry, dict.fromkeys(self._days, entry))


def _cause(error: BaseException) -> Cause | None:
    """Return the system that is away; None for an error that says something about one entity, or about the data."""
    if isinstance(error, (TransientApiError, CircuitOpenError, CredentialsError)):
        return Cause.INN8
    return Cause.POSTGRES if isinstance(error, DatabaseError) else None


def _message(error: BaseException) -> str:
    if isinstance(error, Inn8Error):
        return " ".join([str(error), *getattr(error, "__notes__", ())])
    if not isinstance(error, Exception):
        return "The run was stopped before the sync was complete. Nothing of this step was written; run it again."
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return (
        f"The step failed with {type(error).__name__}{where}: a bug of the pipeline. Nothing of this step was written. "
        "The exception's text is not shown, because it could contain values of a record. Reproduce the error with the "
        "landing; once it is corrected, run the sync again."
    )
