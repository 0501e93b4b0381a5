"""Find incidents in the newest evaluation of each check."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import incident_subjects, system_incidents
from inn8_pipeline.defs.alerting.incident_subjects import Subject, SubjectKind
from inn8_pipeline.defs.alerting.incidents import AlertState, Finding, Found, Incident
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.checks.check_rules import PAUSED
from inn8_pipeline.defs.instance.internals import PartitionKeyFilter
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.runs import scope
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.sync_log.entry import Cause

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def find(instance: dg.DagsterInstance, tenants: Sequence[Tenant], ui_url: str, state: AlertState) -> Found:
    """Return the finding of each check that has been evaluated, and of outages of INN8 and Postgres.

    Consequences of another incident are left out: failed syncs that an outage has caused, open rejects if the sync log
    has an incident, and freshness if the sync log has an error. Freshness stays beside a warning, because a warning
    does not explain why no sync followed.
    """
    found: dict[Subject, Finding] = {}
    touched: dict[Subject, list[_Touched]] = {}
    for tenant in tenants:
        for entity in ENTITIES:
            of_entity = dict(_of_entity(instance, tenant, entity, ui_url))
            table, log = tenant.key(entity).to_user_string(), of_entity.get(names.SYNC_LOG)
            for cause in Cause:
                subject = incident_subjects.of_outage(cause, tenant)
                touched.setdefault(subject, []).append(_Touched(table, log, cause))
            if log is not None and log.incident is not None:
                of_entity.pop("open_rejects", None)
                if log.incident.is_error:
                    of_entity.pop(names.FRESHNESS, None)
                if log.cause is not None:
                    of_entity.pop(names.SYNC_LOG)
            found |= {incident_subjects.of_check(tenant, entity, name): finding for name, finding in of_entity.items()}
    outages = {subject: _outage(tables, state.open.get(subject)) for subject, tables in touched.items()}
    away = {table for each in outages.values() if each.incident is not None for table in each.incident.tables}
    return outages | {
        subject: finding for subject, finding in found.items() if not (_is_stale(subject) and _table(subject) in away)
    }


def without_consequences(found: Found, of_system: Found, without_ticks: Collection[Tenant]) -> Found:
    """Return the findings without stale data that a queue explains that does not move, or a schedule that is off."""
    is_blocked = any(
        subject.name == system_incidents.QUEUE and finding.incident for subject, finding in of_system.items()
    )
    return {
        subject: finding
        for subject, finding in found.items()
        if not _is_stale(subject) or not (is_blocked or (finding.incident and subject.tenant in without_ticks))
    }


def _is_stale(subject: Subject) -> bool:
    return subject.name == names.FRESHNESS


def _table(subject: Subject) -> str:
    return subject.tenant.key(subject.entity).to_user_string() if subject.tenant else ""


@dataclass(frozen=True, slots=True)
class _Touched:
    """A table that an outage of `cause` may touch, and what its sync log says; None if that says nothing about it."""

    table: str
    log: Finding | None
    cause: Cause

    @property
    def incident(self) -> Incident | None:
        """The incident of the failed sync, if the outage has caused it."""
        return self.log.incident if self.log is not None and self.log.cause is self.cause else None


def _outage(tables: Sequence[_Touched], before: Incident | None) -> Finding:
    """Return the one incident of all tables whose syncs an outage has failed. It ends with the last of them."""
    known = before.tables if before is not None and before.over_at is None else ()
    incidents = {each.table: each.incident for each in tables}
    failed = [each for each in incidents.values() if each is not None]
    if not failed and not any(each.table in known and each.log is None for each in tables):
        return Finding()
    first = failed[0] if failed else before
    named = tuple(table for table, incident in incidents.items() if incident is not None or table in known)
    return Finding(replace(first, tables=named) if first is not None else None)


def _of_entity(
    instance: dg.DagsterInstance, tenant: Tenant, entity: Entity, ui_url: str
) -> Iterator[tuple[str, Finding]]:
    """Yield the finding of each check of one table, except of checks that are being evaluated at the moment."""
    keys = [tenant.log(entity), *(dg.AssetCheckKey(tenant.key(entity), name) for name in (*CHECKS, names.PLAUSIBILITY))]
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=None)
    )
    for key, record in newest.items():
        evaluation = record.evaluation
        if isinstance(evaluation, dg.AssetCheckEvaluation) and (
            key.name != names.SYNC_LOG or _is_about_schedule(instance, record.run_id, tenant, entity, evaluation)
        ):
            yield key.name, _finding(evaluation, record.run_id, ui_url)


def _is_about_schedule(
    instance: dg.DagsterInstance, run_id: str, tenant: Tenant, entity: Entity, entry: dg.AssetCheckEvaluation
) -> bool:
    """Return whether a sync log entry is evidence about the scheduled syncs.

    An entry of a backfill or a sweep is not. The success of a rebuild is not either: it fetches nothing, so INN8 may
    still be down.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:
        return True
    return scope.manual_days(run) is None and (not entry.passed or scope.is_complete_sync(run, tenant, entity))


def _finding(evaluation: dg.AssetCheckEvaluation, run_id: str, ui_url: str) -> Finding:
    metadata = {name: each.value for name, each in evaluation.metadata.items()}
    blank = _names(metadata.get("blank_properties"))
    if evaluation.passed:
        return Finding(blank_properties=blank, reason=str(metadata.get(PAUSED, "")))
    incident = Incident(
        text=evaluation.description or "",
        is_error=evaluation.severity is dg.AssetCheckSeverity.ERROR,
        began_at=now(),
        kind=str(metadata.get("status", "")),
        properties=_names(metadata.get("properties")),
        run_id=run_id,
        url=url(ui_url, f"assets/{'/'.join(evaluation.asset_key.path)}?view=checks"),
    )
    cause = metadata.get("cause")
    return Finding(incident, blank_properties=blank, cause=Cause(str(cause)) if cause in set(Cause) else None)


SETTLING = timedelta(minutes=5)
"""A tick syncs the entities one after the other; an outage is reported once all have been tried, or after this time."""


def may_pass(
    instance: dg.DagsterInstance, state: AlertState, at: datetime, tick_minutes: int
) -> Callable[[Subject, Incident], bool]:
    """Return whether an incident may be over within minutes, so that it is not reported yet.

    That is so after the daemon or its database was away, until the next tick has been made; of stale data while a tick
    is syncing; of an outage until the tick has tried all entities, so that the message names those that it touches; and
    of connections, which may be used up for seconds.
    """
    syncing = {
        run.tags.get(names.TICK_TAG)
        for run in instance.get_runs(
            dg.RunsFilter(statuses=UNFINISHED, created_after=at - timedelta(minutes=2 * tick_minutes))
        )
    } - {None}
    resumes = state.resumed_at is not None and at < state.resumed_at + timedelta(minutes=tick_minutes) + SETTLING

    def decide(subject: Subject, incident: Incident) -> bool:
        is_syncing = bool(syncing) if subject.tenant is None else subject.tenant.tenant_id in syncing
        if subject.kind is SubjectKind.SYSTEM:
            is_peak = subject.name == system_incidents.CONNECTIONS and at - incident.began_at < SETTLING
            return resumes or is_peak
        if subject.kind is SubjectKind.OUTAGE:
            return resumes or (is_syncing and at - incident.began_at < SETTLING)
        return resumes or (is_syncing and subject.name == names.FRESHNESS)

    return decide


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401 (a value of Dagster's metadata)
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()
