"""Trace the steps of a sync with OpenTelemetry, where an exporter is configured."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import dagster as dg

from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import window_of_days
from inn8_pipeline.defs.sync_log import dry_runs, warehouse_log
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment, read_traces_endpoint
from inn8_pipeline.tracing.exporting import exporting, sync_span
from inn8_pipeline.tracing.span import NO_SPAN, Attributes, Span
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import SyncLogEntry

if TYPE_CHECKING:
    from inn8_pipeline.tracing.otlp import SyncSpan

_NOT_TRACED = "%s This sync is not traced."


class StepTrace:
    """Context manager that traces a step. The step that ends the sync exports the span of the whole sync.

    An error of tracing never fails the step. It must surround `LogFailures`, so that nobody waits for the
    collector before the end of the sync is logged.

    Attributes:
        span: The span of the sync, to put those of its parts inside; `NO_SPAN` if no exporter is configured.

    """

    def __init__(
        self, context: dg.AssetExecutionContext, tenant: Tenant, entity: Entity, days: Sequence[str] = ()
    ) -> None:
        self.span: Span = NO_SPAN
        self._context = context
        self._tenant = tenant
        self._entity = entity
        self._days = tuple(days)
        self._entry: SyncLogEntry | None = None
        self._sync: SyncSpan | None = None
        self._exporting = ExitStack()

    def __enter__(self) -> Self:
        """Begin the step."""
        warn = self._context.log.warning
        try:
            endpoint = read_traces_endpoint(Environment())
        except SettingsError as error:
            warn(_NOT_TRACED, error)
            return self
        if endpoint:
            self._exporting.enter_context(exporting(warn))
            subject = f"{self._tenant.tenant_id} {self._entity}"
            self._sync = sync_span(endpoint, self._context.run.run_id, subject, warn)
            self.span = self._sync or NO_SPAN
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the step, and the sync if nothing of it is left to do. No exception is suppressed."""
        if self._sync and (error or self._entry or self._is_fetch_alone()) and not isinstance(error, dg.RetryRequested):
            self._end(self._sync, error)
        self._exporting.close()

    def merged(self, entry: SyncLogEntry) -> None:
        """Note the entry of the merged sync, so that its span has the status and the counts."""
        self._entry = entry

    def _is_fetch_alone(self) -> bool:
        selected = self._context.run.asset_selection
        return bool(selected) and self._tenant.key(self._entity) not in (selected or ())

    def _end(self, span: "SyncSpan", error: BaseException | None) -> None:
        # Where `LogFailures` raises the failure of a step, the exception before it is the reason.
        reason = error.__context__ if isinstance(error, dg.Failure) and error.__context__ else error
        span.end(f"sync {self._entity}", self._attributes(error), type(reason) if reason else None, self._started_ns())

    def _started_ns(self) -> int | None:
        started_at = self._entry and self._entry.started_at
        return int(started_at.timestamp() * 1e9) if started_at else None

    def _attributes(self, error: BaseException | None) -> Attributes:
        run, window = self._context.run, window_of_days(self._days)
        attributes: dict[str, str | int | float | bool | None] = {
            "inn8.tenant": self._tenant.tenant_id,
            "inn8.entity": self._entity.name,
            "inn8.run_id": run.run_id,
            "inn8.trigger": str(warehouse_log.trigger_of(run, self._tenant.raw_key(self._entity))),
            "inn8.dry_run": dry_runs.is_dry(run),
        }
        if window:
            attributes["inn8.window.from"] = window.from_date.isoformat()
            attributes["inn8.window.to"] = window.to_date.isoformat()
        if error:
            return {**attributes, "inn8.status": str(Status.FAILED)}
        return {**attributes, **_of_entry(self._entry)} if self._entry else attributes


def _of_entry(entry: SyncLogEntry) -> Attributes:
    counts = entry.counts.as_dict() if entry.counts else {}
    return {
        "inn8.status": str(entry.status),
        **{f"inn8.records.{name}": count for name, count in counts.items()},
        **{f"inn8.rows.{name}": rows for name, rows in entry.totals.items()},
    }
