"""The job that accepts rejects, or has them tried again, from the UI: as `inn8 rejects accept` and `retry` do."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.defs.jobs.forms import observe, target_fields, target_of
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import Entity
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.warehouse.queries import rejects, tables
else:
    rejects = lazy_module("inn8_pipeline.warehouse.queries.rejects")
    tables = lazy_module("inn8_pipeline.warehouse.queries.tables")

JOB = "inn8_rejects"
ACCEPT, RETRY = "accept", "retry"
MOST_SHOWN = 20


def job(tenants: Sequence[Tenant], executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    """Return the job. It has a form in the launchpad, and leaves an observation of the table."""

    @dg.op(
        config_schema={
            **target_fields(tenants),
            "action": dg.Field(
                dg.Enum("RejectAction", [dg.EnumValue(ACCEPT), dg.EnumValue(RETRY)]),
                description=(
                    "accept: the records stay rejected and no longer cause a warning, until INN8 sends another version "
                    "of them. retry: the next sync tries them again, also those that were accepted."
                ),
            ),
            "ids": dg.Field(
                [int], default_value=[], description="The numbers of the rejects, as the check open_rejects shows them."
            ),
            "reason_code": dg.Field(
                str,
                default_value="",
                description="Instead of ids: all open rejects with this reason, such as `unknown_parent`.",
            ),
            "by": dg.Field(str, description="Who does it: your name or login. It is stored with accepted rejects."),
            "note": dg.Field(str, description="Why. It is stored with accepted rejects; write no personal data."),
        },
        out=dg.Out(dg.Nothing),
        description="Accepts the rejects, or ends their acceptance.",
    )
    def handle_rejects(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
        config = context.op_config
        tenant, entity = target_of(config, tenants)
        if bool(config["ids"]) == bool(config["reason_code"]):
            problem = "Nothing was changed: name the rejects by `ids` or by `reason_code`, one of these."
            raise dg.Failure(problem, allow_retries=False)
        done = _handle(warehouse.engine(), tenant.tenant_id, entity, config)
        observe(context, tenant, entity, _sentence(config, done))
        unknown = [each for each in config["ids"] if each not in done]
        if unknown or not done:
            named = _listed(unknown) or f"with the reason {config['reason_code']}"
            problem = f"There is no open reject of {entity} {named}. `inn8 rejects list --entity {entity}` lists them."
            raise dg.Failure(problem, allow_retries=False)

    @dg.job(
        name=JOB,
        executor_def=executor,
        description=(
            "Accepts rejects that INN8 will never correct, or has them tried again. In the launchpad, name them by "
            "their ids or by their reason, and say who does it and why. Launch the job of the entity, such as "
            "clients_sync, to try them now; the next tick does so anyway."
        ),
    )
    def handling() -> None:
        handle_rejects()

    return handling


def _handle(engine: "Engine", tenant_id: str, entity: Entity, config: Mapping[str, Any]) -> Collection[int]:
    """Accept the open rejects that the form names, or have them tried again; return their ids."""
    with tables.reading(engine, "looking for rejects") as connection:
        reason_code = config["reason_code"] or None
        rows = rejects.export(connection, tenant_id, entity, reason_code, with_accepted=True)
        found = [row["id"] for row in rows]
    wanted = [each for each in found if not config["ids"] or each in config["ids"]]
    if config["action"] == ACCEPT:
        return rejects.accept(engine, tenant_id, wanted, f"{config['note']} ({config['by']})")
    rejects.reopen(engine, tenant_id, wanted)
    return wanted


def _sentence(config: Mapping[str, Any], done: Collection[int]) -> str:
    verb = "accepted" if config["action"] == ACCEPT else "to be tried again by the next sync"
    return f"{len(done)} rejects {verb} by {config['by']}: {config['note']} (ids {_listed(sorted(done)) or 'none'})."


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:MOST_SHOWN])) + (
        f" and {len(ids) - MOST_SHOWN} more" if len(ids) > MOST_SHOWN else ""
    )
