"""The sync log as Dagster's storage has it: one entry per run and entity, newest first.

It reads the history of the check `sync_log`. The entries of single days are for the Dagster UI and are left out.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inn8_pipeline.defs.sync_log.entry import SyncLogEntry
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from inn8_pipeline.defs.instance.internals import AssetCheckExecutionRecord
    from inn8_pipeline.defs.names import Tenant

WORST_FIRST = (Status.FAILED, Status.PARTIAL_SUCCESS, Status.SUCCESS, Status.NO_DATA)
UNLOGGED = "The run ended before it could log why; its events in the Dagster UI show how far it came."
_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class LoggedSync:
    """One sync of one entity: which it was, and its entry of the log."""

    tenant_id: str
    entity: str
    run_id: str
    entry: SyncLogEntry

    def as_json(self) -> dict[str, Any]:
        """Return the sync for scripts."""
        return {"tenant_id": self.tenant_id, "entity": self.entity, "run_id": self.run_id, **self.entry.as_json()}


@dataclass(frozen=True, slots=True)
class _Log:
    """The sync log of one entity of one tenant."""

    tenant: "Tenant"
    entity: Entity


def worst(statuses: Iterable[Status]) -> Status:
    """Return the status of several syncs taken together: the worst, and `NoData` only if none had any data."""
    found = set(statuses)
    if found == {Status.NO_DATA}:
        return Status.NO_DATA
    return next((status for status in WORST_FIRST if status in found), Status.SUCCESS)


def read_log(
    instance: "DagsterInstance", tenants: "Sequence[Tenant]", entities: Sequence[Entity] = tuple(ENTITIES)
) -> Iterator[LoggedSync]:
    """Yield the syncs of these tenants and entities, newest first; they are read as they are consumed."""
    histories = [_records(instance, _Log(tenant, entity)) for tenant in tenants for entity in entities]
    for log, record in heapq.merge(*histories, key=lambda found: -found[1].id):
        yield _logged(instance, log, record)


def read_run(instance: "DagsterInstance", tenant: "Tenant", entity: Entity, run_id: str) -> LoggedSync:
    """Return the sync of a run that has ended, as it was stored."""
    for log, record in _records(instance, _Log(tenant, entity)):
        if record.run_id == run_id:
            return _logged(instance, log, record)
    return LoggedSync(tenant.tenant_id, str(entity), run_id, SyncLogEntry(Status.FAILED, description=UNLOGGED))


def _records(instance: "DagsterInstance", log: _Log) -> "Iterator[tuple[_Log, AssetCheckExecutionRecord]]":
    from inn8_pipeline.defs.instance.internals import PartitionKeyFilter

    check = log.tenant.log(log.entity)
    cursor = None
    while True:
        page = instance.event_log_storage.get_asset_check_execution_history(
            check, limit=_PAGE_SIZE, cursor=cursor, partition_filter=PartitionKeyFilter(key=None)
        )
        yield from ((log, record) for record in page)
        if len(page) < _PAGE_SIZE:
            return
        cursor = page[-1].id


def _logged(instance: "DagsterInstance", log: _Log, record: "AssetCheckExecutionRecord") -> LoggedSync:
    entry = _entry(instance, record)
    return LoggedSync(log.tenant.tenant_id, str(log.entity), record.run_id, entry)


def _entry(instance: "DagsterInstance", record: "AssetCheckExecutionRecord") -> SyncLogEntry:
    from dagster import AssetCheckEvaluation, AssetCheckSeverity

    evaluation = record.evaluation
    if isinstance(evaluation, AssetCheckEvaluation):
        values = {name: each.value for name, each in evaluation.metadata.items()}
        is_error = not evaluation.passed and evaluation.severity is AssetCheckSeverity.ERROR
        return SyncLogEntry.from_metadata(values, evaluation.description, is_error=is_error)
    planned_at = datetime.fromtimestamp(record.create_timestamp, UTC)
    run = instance.get_run_by_id(record.run_id)
    if run is not None and not run.is_finished:
        return SyncLogEntry(Status.IN_PROGRESS, started_at=planned_at)
    return SyncLogEntry(Status.FAILED, started_at=planned_at, description=UNLOGGED)
