"""The sync log as it stands in Dagster's storage: one entry per run and entity, newest first.

Reads the history of the check `sync_log`. The entries of single days are for the Dagster UI; here a run is one line.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inn8_pipeline.entities import ENTITIES, Entity

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from inn8_pipeline.defs.dagster_internals import AssetCheckExecutionRecord
    from inn8_pipeline.defs.names import Tenant

COUNTS = ("fetched", "retried", "inserted", "updated", "unchanged", "duplicate", "rejected", "skipped")
STATUSES = ("Failed", "PartialSuccess", "Success", "NoData")
"""Worst first."""
IN_PROGRESS = "InProgress"
UNLOGGED = "The run ended before it could log why; its events in the Dagster UI tell where it stood."
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Log:
    """One tenant's sync log of one entity."""

    tenant: "Tenant"
    entity: Entity


@dataclass(frozen=True, slots=True)
class Entry:
    """One sync of one entity. Instants in UTC; `counts` by the names of the reconciliation, empty where it failed."""

    tenant_id: str
    entity: str
    run_id: str
    status: str
    record_count: int = 0
    error_count: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error_message: str = ""
    description: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else 0.0

    def as_json(self) -> dict[str, Any]:
        """For scripts: instants in ISO 8601."""
        told = asdict(self)
        return told | {name: told[name].isoformat() if told[name] else None for name in ("started_at", "ended_at")}


def of_metadata(log: Log, run_id: str, description: str | None, metadata: Mapping[str, Any]) -> Entry:
    """An entry from an evaluation's metadata, whose values are Dagster's."""
    values = {name: each.value for name, each in metadata.items()}
    return Entry(
        tenant_id=log.tenant.tenant_id,
        entity=str(log.entity),
        run_id=run_id,
        status=str(values.get("status", "Failed")),
        record_count=int(values.get("record_count", 0)),
        error_count=int(values.get("error_count", 0)),
        started_at=_instant(values.get("started_at")),
        ended_at=_instant(values.get("ended_at")),
        error_message=str(values.get("error_message") or ""),
        description=description or "",
        counts={name: int(values[name]) for name in COUNTS if name in values},
    )


def _instant(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)


def worst(statuses: Sequence[str]) -> str:
    """The status of several syncs taken together. `NoData` only if none of them had any."""
    if set(statuses) == {"NoData"}:
        return "NoData"
    return next((status for status in STATUSES if status in statuses), "Success")


def entries(
    instance: "DagsterInstance", tenants: "Sequence[Tenant]", entities: Sequence[Entity] = tuple(ENTITIES)
) -> Iterator[Entry]:
    """All entries, newest first; read as they are asked for."""
    histories = [_records(instance, Log(tenant, entity)) for tenant in tenants for entity in entities]
    for log, record in heapq.merge(*histories, key=lambda found: -found[1].id):
        yield _entry(instance, log, record)


def of_run(instance: "DagsterInstance", tenant: "Tenant", entity: Entity, run_id: str) -> Entry:
    """The entry of a run that has ended, as it was stored."""
    for log, record in _records(instance, Log(tenant, entity)):
        if record.run_id == run_id:
            return _entry(instance, log, record)
    return Entry(tenant.tenant_id, str(entity), run_id, "Failed", error_message=UNLOGGED)


def _records(instance: "DagsterInstance", log: Log) -> Iterator[tuple[Log, "AssetCheckExecutionRecord"]]:
    from inn8_pipeline.defs.dagster_internals import PartitionKeyFilter

    check = log.tenant.log(log.entity)
    cursor = None
    while True:
        page = instance.event_log_storage.get_asset_check_execution_history(
            check, limit=_PAGE, cursor=cursor, partition_filter=PartitionKeyFilter(key=None)
        )
        yield from ((log, record) for record in page)
        if len(page) < _PAGE:
            return
        cursor = page[-1].id


def _entry(instance: "DagsterInstance", log: Log, record: "AssetCheckExecutionRecord") -> Entry:
    from dagster import AssetCheckEvaluation

    named = (log.tenant.tenant_id, str(log.entity), record.run_id)
    evaluation = record.evaluation
    if isinstance(evaluation, AssetCheckEvaluation):
        return of_metadata(log, record.run_id, evaluation.description, evaluation.metadata)
    planned_at = datetime.fromtimestamp(record.create_timestamp, UTC)
    run = instance.get_run_by_id(record.run_id)
    if run is not None and not run.is_finished:
        return Entry(*named, IN_PROGRESS, started_at=planned_at)
    return Entry(*named, "Failed", started_at=planned_at, error_message=UNLOGGED)
