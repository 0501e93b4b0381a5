"""Find incidents in the newest evaluation of each check."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import incident_subjects, run_scope
from inn8_pipeline.defs.alerting.incidents import Finding, Found, Incident
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.instance.internals import PartitionKeyFilter
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.settings import now


def find(instance: dg.DagsterInstance, tenants: Sequence[Tenant], ui_url: str) -> Found:
    """Return the finding of each check that has been evaluated.

    Consequences of another incident are left out: open rejects if the sync log has an incident, and freshness if the
    sync log has an error. Freshness stays beside a warning, because a warning does not explain why no sync followed.
    """
    found: dict[incident_subjects.Subject, Finding] = {}
    for tenant in tenants:
        for entity in ENTITIES:
            of_entity = dict(_of_entity(instance, tenant, entity, ui_url))
            logged = of_entity.get(names.SYNC_LOG, Finding()).incident
            if logged is not None:
                of_entity.pop("open_rejects", None)
                if logged.is_error:
                    of_entity.pop(names.FRESHNESS, None)
            found |= {incident_subjects.of_check(tenant, entity, name): finding for name, finding in of_entity.items()}
    return found


def _of_entity(
    instance: dg.DagsterInstance, tenant: Tenant, entity: Entity, ui_url: str
) -> Iterator[tuple[str, Finding]]:
    """Yield the finding of each check of one table, except of checks that are being evaluated at the moment."""
    keys = [tenant.log(entity), *(dg.AssetCheckKey(tenant.key(entity), name) for name in CHECKS)]
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=None)
    )
    for key, record in newest.items():
        evaluation = record.evaluation
        if isinstance(evaluation, dg.AssetCheckEvaluation) and (
            key.name != names.SYNC_LOG or _is_about_schedule(instance, record.run_id, tenant, entity, evaluation)
        ):
            yield key.name, _finding(evaluation, ui_url)


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
    return run_scope.manual_days(run) is None and (not entry.passed or run_scope.is_complete_sync(run, tenant, entity))


def _finding(evaluation: dg.AssetCheckEvaluation, ui_url: str) -> Finding:
    metadata = {name: each.value for name, each in evaluation.metadata.items()}
    blank = _names(metadata.get("blank_properties"))
    if evaluation.passed:
        return Finding(blank_properties=blank)
    incident = Incident(
        text=evaluation.description or "",
        is_error=evaluation.severity is dg.AssetCheckSeverity.ERROR,
        began_at=now(),
        kind=str(metadata.get("status", "")),
        properties=_names(metadata.get("properties")),
        url=url(ui_url, f"assets/{'/'.join(evaluation.asset_key.path)}?view=checks"),
    )
    return Finding(incident, blank_properties=blank)


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401 (a value of Dagster's metadata)
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()
