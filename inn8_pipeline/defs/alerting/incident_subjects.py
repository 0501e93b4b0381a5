"""The subjects of incidents: a check of a table, an outage, days of trade, a job, a schedule, a sensor, the system."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.warehouse.sync_log.entry import Cause


class SubjectKind(StrEnum):
    """What an incident is about."""

    CHECK = "check"
    OUTAGE = "outage"
    DAYS = "days"
    JOB = "job"
    SCHEDULE = "schedule"
    SENSOR = "sensor"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Subject:
    """The thing that an incident is about; incidents are tracked by subject.

    Attributes:
        kind: The kind of the subject.
        name: The name of the check, job, schedule or sensor, or of what has failed in an outage or of the system; empty
            for days.
        tenant: The tenant; None if the subject belongs to all tenants.
        entity: The name of the entity; empty if the subject belongs to none or to several.

    """

    kind: SubjectKind
    name: str = ""
    tenant: Tenant | None = None
    entity: str = ""

    def __str__(self) -> str:
        """Return the subject as in messages, such as `clients, check sync_log` or `schedule nightly_sweep`."""
        if self.kind is SubjectKind.OUTAGE:
            return f"outage of {self.name}"
        if self.kind is SubjectKind.SYSTEM:
            return self.name
        table = self.tenant.key(self.entity).to_user_string() if self.tenant and self.entity else ""
        return ", ".join(part for part in (table, f"{self.kind} {self.name}".strip()) if part)


def of_check(tenant: Tenant, entity: Entity, name: str) -> Subject:
    """Return the subject of a check of an entity's table."""
    return Subject(SubjectKind.CHECK, name, tenant, entity.name)


def of_outage(cause: Cause, tenant: Tenant) -> Subject:
    """Return the subject of an outage. One of INN8 is a tenant's own; one of Postgres concerns all tenants."""
    return Subject(SubjectKind.OUTAGE, str(cause), tenant if cause is Cause.INN8 else None)


def of_days(tenant: Tenant, entity: Entity) -> Subject:
    """Return the subject of an entity's days of trade."""
    return Subject(SubjectKind.DAYS, "", tenant, entity.name)


def of_job(name: str, tenant: Tenant | None = None, entity: Entity | None = None) -> Subject:
    """Return the subject of a job's runs; of the runs for one entity, if the job is for several."""
    return Subject(SubjectKind.JOB, name, tenant, entity.name if entity else "")


def of_schedule(name: str) -> Subject:
    """Return the subject of a schedule."""
    return Subject(SubjectKind.SCHEDULE, name)


def of_sensor(name: str) -> Subject:
    """Return the subject of a sensor."""
    return Subject(SubjectKind.SENSOR, name)


def of_system(name: str) -> Subject:
    """Return the subject of something that the syncs run on, such as the queue of runs."""
    return Subject(SubjectKind.SYSTEM, name)


def is_defined(subject: Subject, tenants: Iterable[Tenant], repository: dg.RepositoryDefinition) -> bool:
    """Return whether the definitions still have the subject's tenant, entity and name."""
    has_owner = subject.tenant is None or subject.tenant in tenants
    has_entity = not subject.entity or subject.entity in {entity.name for entity in ENTITIES}
    defined = {
        SubjectKind.CHECK: {names.SYNC_LOG, names.PLAUSIBILITY, *CHECKS},
        SubjectKind.OUTAGE: {str(cause) for cause in Cause},
        SubjectKind.DAYS: {""},
        SubjectKind.JOB: set(repository.job_names),
        SubjectKind.SCHEDULE: {each.name for each in repository.schedule_defs},
        SubjectKind.SENSOR: {each.name for each in repository.sensor_defs},
        SubjectKind.SYSTEM: {subject.name},
    }
    return has_owner and has_entity and subject.name in defined[subject.kind]
