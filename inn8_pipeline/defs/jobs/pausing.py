"""The jobs that pause and resume the scheduled syncs of one entity from the UI."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.jobs.forms import observe, target_fields, target_of
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from inn8_pipeline.defs.instance import pauses
else:
    pauses = lazy_module("inn8_pipeline.defs.instance.pauses")

PAUSE_JOB = "inn8_pause"
RESUME_JOB = "inn8_resume"


def jobs(tenants: Sequence[Tenant], executor: dg.ExecutorDefinition) -> list[dg.JobDefinition]:
    """Return the two jobs. Each has a form in the launchpad, and leaves an observation of the paused table."""

    @dg.op(
        config_schema={
            **target_fields(tenants),
            "by": dg.Field(str, description="Who pauses it: your name or login. Others see it."),
            "reason": dg.Field(str, description="Why, for others who look, such as `INN8 moves its data`."),
        },
        out=dg.Out(dg.Nothing),
        description="Stores the pause.",
    )
    def pause(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
        config = context.op_config
        tenant, entity = target_of(config, tenants)
        made = pauses.pause(context.instance, tenant.tenant_id, entity, config["by"], config["reason"])
        pauses.copy_or_warn(context.instance, warehouse.engine, tenant.tenant_id, context.log.warning)
        observe(context, tenant, entity, f"{entity}: {made}.")

    @dg.op(config_schema=target_fields(tenants), out=dg.Out(dg.Nothing), description="Ends the pause.")
    def resume(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
        tenant, entity = target_of(context.op_config, tenants)
        ended = pauses.resume(context.instance, tenant.tenant_id, entity)
        pauses.copy_or_warn(context.instance, warehouse.engine, tenant.tenant_id, context.log.warning)
        text = f"{entity}: resumed; {ended}." if ended else f"{entity}: was not paused, nothing was changed."
        observe(context, tenant, entity, text)

    @dg.job(
        name=PAUSE_JOB,
        executor_def=executor,
        description=(
            "Pauses the scheduled syncs of one entity; the others go on. In the launchpad, name the entity, yourself "
            "and the reason. Nothing is called late meanwhile. Runs that somebody launches still run. "
            f"{RESUME_JOB} ends it."
        ),
    )
    def pausing() -> None:
        pause()

    @dg.job(
        name=RESUME_JOB,
        executor_def=executor,
        description=(
            f"Ends a pause of {PAUSE_JOB}. The next tick syncs the entity again, with the days of trade since the "
            "pause began."
        ),
    )
    def resuming() -> None:
        resume()

    return [pausing, resuming]
