"""Read and write the cursors in which sensors keep their state between two evaluations."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import msgspec

from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.defs.alerting.incidents import AlertState, Incident, Watched
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.instance import instigators
from inn8_pipeline.defs.instance.late_internals import SensorInstigatorData
from inn8_pipeline.defs.names import ALERT_FAILED_CHECKS, ALERT_FAILED_RUNS, CHECK_ALIASES, SYNC_LOG, Tenant
from inn8_pipeline.entities import ENTITIES, Window


@dataclass(frozen=True, slots=True)
class _Entry:
    subject: Subject
    incident: Incident


@dataclass(frozen=True, slots=True)
class _AlertCursor:
    """An `AlertState` in a form that JSON can hold, because a subject cannot be the key of a JSON object."""

    open: list[_Entry]
    reported: list[_Entry]
    runs_until: datetime | None = None
    schedules: dict[str, Watched] = field(default_factory=dict)
    evaluated_at: datetime | None = None
    resumed_at: datetime | None = None
    refused_at: datetime | None = None
    version: int = 2


def write_alerts(state: AlertState) -> str:
    """Return the state of an alerting sensor as the text of a cursor."""
    cursor = _AlertCursor(
        open=[_Entry(subject, incident) for subject, incident in state.open.items()],
        reported=[_Entry(subject, incident) for subject, incident in state.reported.items()],
        runs_until=state.runs_until,
        schedules=dict(state.schedules),
        evaluated_at=state.evaluated_at,
        resumed_at=state.resumed_at,
        refused_at=state.refused_at,
    )
    return msgspec.json.encode(cursor).decode()


def read_alerts(cursor: str | None, tenants: Iterable[Tenant]) -> AlertState:
    """Return the state that the cursor of an alerting sensor holds.

    A cursor that cannot be read counts as empty, because an operator can set any text in the UI.
    """
    try:
        kept = json.loads(cursor) if cursor else {}
        if not isinstance(kept, dict) or "version" not in kept:
            return _of_release_0_1(kept, tenants)
        read = msgspec.convert(kept, _AlertCursor)
    except (ValueError, TypeError, KeyError, AttributeError, msgspec.ValidationError):
        return AlertState()
    return AlertState(
        open={each.subject: each.incident for each in read.open},
        reported={each.subject: each.incident for each in read.reported},
        runs_until=read.runs_until,
        schedules=read.schedules,
        evaluated_at=read.evaluated_at,
        resumed_at=read.resumed_at,
        refused_at=read.refused_at,
    )


def refused_at(instance: dg.DagsterInstance, tenants: Iterable[Tenant]) -> datetime | None:
    """Return since when the address of the alerts has accepted no message; None if it accepted the last one."""
    known = instigators.sensors(instance)
    stored = [known[name].instigator_data for name in (ALERT_FAILED_CHECKS, ALERT_FAILED_RUNS) if name in known]
    kept = [read_alerts(each.cursor, tenants) for each in stored if isinstance(each, SensorInstigatorData)]
    return min((each.refused_at for each in kept if each.refused_at is not None), default=None)


def read(cursor: str | None) -> dict[str, str]:
    """Return the mapping that a cursor of `write` holds; it is empty if the cursor is empty or cannot be read."""
    try:
        kept = json.loads(cursor) if cursor else {}
    except ValueError:
        return {}
    return {str(key): str(text) for key, text in kept.items()} if isinstance(kept, dict) else {}


def instant(text: str | None) -> datetime | None:
    """Parse an instant in ISO 8601 and return it in UTC; return None if the text is empty or invalid."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def write(texts: Mapping[str, str]) -> str:
    """Return the mapping as the text of a cursor."""
    return json.dumps(dict(texts), sort_keys=True)


# Cursors of release 0.1, which stored reported alerts by their text. The next release drops this part.

_DAYS_OF_RELEASE_0_1 = re.compile(r"transactions of (\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)(?: (\w+))?")


def _of_release_0_1(kept: Mapping[str, Any], tenants: Iterable[Tenant]) -> AlertState:
    tenants = tuple(tenants)
    incidents: dict[Subject, Incident] = {}
    for text, reported in kept.items():
        subject, days = _subject_of_release_0_1(text, tenants)
        if subject is not None:
            earlier = incidents[subject].days if subject in incidents else ()
            began_at = datetime.fromisoformat(reported["since"])
            incidents[subject] = Incident(
                reported["text"],
                reported["is_error"],
                began_at,
                reported["kind"],
                (*earlier, *days),
                reported_at=began_at,
            )
    return AlertState(open=incidents, reported=incidents)


def _subject_of_release_0_1(text: str, tenants: Iterable[Tenant]) -> tuple[Subject | None, tuple[Window, ...]]:
    if text.startswith("job "):
        return incident_subjects.of_job(text.removeprefix("job ")), ()
    days = _DAYS_OF_RELEASE_0_1.fullmatch(text)
    for tenant in tenants:
        for entity in ENTITIES:
            for name in (SYNC_LOG, *CHECKS, *CHECK_ALIASES):
                if text == f"{tenant.key(entity).to_user_string()}, check {name}":
                    return incident_subjects.of_check(tenant, entity, CHECK_ALIASES.get(name, name)), ()
            if days and entity.has_days and days[3] in {None, tenant.tenant_id}:
                window = Window(date.fromisoformat(days[1]), date.fromisoformat(days[2]))
                return incident_subjects.of_days(tenant, entity), (window,)
    return None, ()
