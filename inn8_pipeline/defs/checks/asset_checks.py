"""The asset checks other than the sync log. They read the warehouse, and say what to do if something is wrong.

They are evaluated after each merge, and on their own if an operator executes them in the UI. `check_rules` has their
rules.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.checks.check_rules import CheckInput, CheckOutcome
from inn8_pipeline.defs.names import CHECK_ALIASES, FRESHNESS, RECONCILIATION, Tenant, with_aliases
from inn8_pipeline.defs.partitions import window_of_tags
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_holidays, read_sync

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.defs.instance import pauses
    from inn8_pipeline.defs.instance.pauses import Pause
    from inn8_pipeline.warehouse.queries import health
else:
    health = lazy_module("inn8_pipeline.warehouse.queries.health")
    pauses = lazy_module("inn8_pipeline.defs.instance.pauses")


@dataclass(frozen=True, slots=True)
class Check:
    """A check: its description in the UI, and its rule."""

    description: str
    rule: Callable[[CheckInput], CheckOutcome]


CHECKS = {
    FRESHNESS: Check(
        "Is the last sync recent? Late (a warning) after two ticks and 5 minutes, failed (an error) after four ticks "
        "and 5 minutes. For days of trade, only the syncs of today and yesterday count, so that a backfill does not "
        "make the data look fresh.",
        check_rules.freshness,
    ),
    RECONCILIATION: Check(
        "Is every received record accounted for? Compares inserted + updated + unchanged + duplicate + rejected + "
        "skipped of the last merge with the records on its stored pages plus the rejects that it retried.",
        check_rules.reconciliation,
    ),
    "open_rejects": Check(
        "Are there no open rejects other than accepted ones?",
        check_rules.open_rejects,
    ),
    "unknown_values": Check(
        "Does the contract list every status and type that INN8 sends?",
        check_rules.unknown_values,
    ),
    "drift": Check(
        "Does every property that INN8 sends have a column? Shows names only, never a value.",
        check_rules.drift,
    ),
    "row_drop": Check(
        "Is the number of records about as usual? A whole collection is compared with the days before; days of trade "
        "by the last weekday before yesterday, with the same weekday of the weeks before.",
        check_rules.row_drop,
    ),
}


def entity_checks(tenant: Tenant, entity: Entity) -> dg.AssetChecksDefinition:
    """Return the checks of an entity's table as a step that the UI can execute. It requests nothing from INN8."""
    key = tenant.key(entity)
    descriptions = {name: check.description for name, check in CHECKS.items()} | {
        alias: f"The name of the check `{name}` in release 0.1, which has the same result. The next release drops it."
        for alias, name in CHECK_ALIASES.items()
    }

    @dg.multi_asset_check(
        name=_step_name(tenant, entity),
        specs=[dg.AssetCheckSpec(name, asset=key, description=text) for name, text in descriptions.items()],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        pause = _pause(context.instance, tenant, entity)
        for name, outcome in outcomes(tenant, entity, warehouse.engine(), pause):
            if dg.AssetCheckKey(key, name) in context.selected_asset_check_keys:
                yield reported(context, outcome, key, name)

    return check


def log_after_merge(context: dg.AssetExecutionContext, tenant: Tenant, entity: Entity, engine: "Engine") -> None:
    """Evaluate the checks in the step that has merged, unless the run contains the checks' own step.

    The jobs do not contain that step, because Dagster would plan each check for each day of the run, and store those
    plans. If the warehouse cannot be reached, the next sync evaluates the checks.
    """
    if _step_name(tenant, entity) in context.job_def.graph.node_names():
        return
    try:
        found = list(outcomes(tenant, entity, engine, _pause(context.instance, tenant, entity)))
    except Inn8Error as error:
        context.log.warning("The checks were not evaluated; the next sync evaluates them. %s", error)
        return
    for name, outcome in found:
        context.log_event(outcome.evaluation(tenant.key(entity), name))


def outcomes(
    tenant: Tenant, entity: Entity, engine: "Engine", pause: "Pause | None" = None
) -> Iterator[tuple[str, CheckOutcome]]:
    """Evaluate the checks on the entity's current data; yield each name, aliases included, and its outcome."""
    settings = read_sync(Environment())
    recent = settings.last_days(settings.lookback_days)
    found = health.examine(engine, tenant.tenant_id, entity, recent, read_holidays(Environment()))
    checked = CheckInput(tenant.tenant_id, entity, settings, found, pause)
    for name, check in CHECKS.items():
        outcome = check.rule(checked)
        yield from ((each, outcome) for each in with_aliases(name))


def _pause(instance: dg.DagsterInstance, tenant: Tenant, entity: Entity) -> "Pause | None":
    return pauses.read(instance, tenant.tenant_id).get(entity.name)


def _step_name(tenant: Tenant, entity: Entity) -> str:
    return tenant.name(f"check_{entity}")


def reported(
    context: dg.AssetCheckExecutionContext, outcome: CheckOutcome, key: dg.AssetKey, name: str
) -> dg.AssetCheckResult:
    """Log the outcome for each day for which Dagster has planned the check, and return its result."""
    for day in _planned_days(context):
        # Its annotation lacks AssetCheckEvaluation, which AssetExecutionContext.log_event passes to it.
        context.op_execution_context.log_event(outcome.evaluation(key, name, day))  # type: ignore[arg-type]
    return outcome.result(key, name)


def _planned_days(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """Return the days for which Dagster has planned each check: those of the run, although the checks have no days."""
    window = window_of_tags(context.op_execution_context.run.tags)
    return [day.isoformat() for day in window.days()] if window else []
