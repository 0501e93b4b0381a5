"""The parts that the jobs with a form in the launchpad share: which tenant and entity, and what a run leaves."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import ENTITIES, Entity

EMPTY_FORM: dict[str, dg.Field] = {}
"""The form of a step without options. Without a form, Dagster would store whatever somebody writes in the launchpad."""


def target_fields(tenants: Sequence[Tenant]) -> dict[str, dg.Field]:
    """Return the fields of a form that name a tenant and one of its entities."""
    tenant = dg.Enum("TenantId", [dg.EnumValue(each.tenant_id) for each in tenants])
    entity = dg.Enum("EntityName", [dg.EnumValue(each.name) for each in ENTITIES])
    named = dg.Field(tenant, description="The tenant.")
    only = dg.Field(tenant, default_value=tenants[0].tenant_id, description="The tenant; there is only one.")
    return {
        "tenant_id": only if len(tenants) == 1 else named,
        "entity": dg.Field(entity, description="The entity: clients, portfolios or transactions."),
    }


def target_of(config: Mapping[str, Any], tenants: Sequence[Tenant]) -> tuple[Tenant, Entity]:
    """Return the tenant and the entity that the form names."""
    (tenant,) = (each for each in tenants if each.tenant_id == config["tenant_id"])
    return tenant, ENTITIES.named(config["entity"])


def observe(context: dg.OpExecutionContext, tenant: Tenant, entity: Entity, text: str) -> None:
    """Say it in the run's log, and on the page of the table."""
    context.log.info(text)
    context.log_event(dg.AssetObservation(asset_key=tenant.key(entity), description=text))
