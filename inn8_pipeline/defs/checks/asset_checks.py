"""The checks beside the sync log. They read the warehouse and say what to do where the data is not as it should be.

They are evaluated after each merge, and by themselves where the operator executes them in the UI. `check_rules` has
their rules.
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
from inn8_pipeline.settings import Environment, read_sync

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Check:
    """A check: its description, which the UI shows, and its rule."""

    description: str
    rule: Callable[[CheckInput], CheckOutcome]


CHECKS = {
    FRESHNESS: Check(
        "Is the last sync recent? Late (a warning) after two ticks, failed (an error) after four. For transactions "
        "only today's days of trade count, so that a backfill does not make them look fresh.",
        check_rules.freshness,
    ),
    RECONCILIATION: Check(
        "Is every received record accounted for? fetched + retried = inserted + updated + unchanged + duplicate + "
        "rejected + skipped, compared with the records on the stored pages.",
        check_rules.reconciliation,
    ),
    "open_rejects": Check(
        "Is no reject open that nobody has accepted?",
        check_rules.open_rejects,
    ),
    "unknown_values": Check(
        "Does the contract list every status and type that INN8 sends?",
        check_rules.unknown_values,
    ),
    "drift": Check(
        "Is a column made from every property that INN8 sends? Shows names only, never a value.",
        check_rules.drift,
    ),
    "row_drop": Check(
        "Are there about as many as usual? Clients and portfolios are compared with the days before, transactions of "
        "the last weekday but yesterday with the same weekday of the weeks before.",
        check_rules.row_drop,
    ),
}


def entity_checks(tenant: Tenant, entity: Entity) -> dg.AssetChecksDefinition:
    """Return the checks of one entity's table as a step that the UI can execute; it makes no request to INN8."""
    key = tenant.key(entity)
    descriptions = {name: check.description for name, check in CHECKS.items()} | {
        alias: f"What `{name}` was called in release 0.1. The next release drops this name."
        for alias, name in CHECK_ALIASES.items()
    }

    @dg.multi_asset_check(
        name=_step_name(tenant, entity),
        specs=[dg.AssetCheckSpec(name, asset=key, description=text) for name, text in descriptions.items()],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        for name, outcome in outcomes(tenant, entity, warehouse.engine()):
            if dg.AssetCheckKey(key, name) in context.selected_asset_check_keys:
                for day in _days(context):
                    # It accepts what AssetExecutionContext's accepts, which calls it.
                    context.op_execution_context.log_event(outcome.evaluation(key, name, day))  # type: ignore[arg-type]
                yield outcome.result(key, name)

    return check


def log_after_merge(context: dg.AssetExecutionContext, tenant: Tenant, entity: Entity, engine: "Engine") -> None:
    """Evaluate the checks in the step that has merged, unless the run has a step of their own.

    For checks in a step of their own, Dagster would plan each of them for each day of the run, and keep those plans.
    Where the warehouse cannot be reached, the next sync evaluates them.
    """
    if _step_name(tenant, entity) in context.job_def.graph.node_names():
        return
    try:
        found = list(outcomes(tenant, entity, engine))
    except Inn8Error as error:
        context.log.warning("The checks were not evaluated. %s", error)
        return
    for name, outcome in found:
        context.log_event(outcome.evaluation(tenant.key(entity), name))


def outcomes(tenant: Tenant, entity: Entity, engine: "Engine") -> Iterator[tuple[str, CheckOutcome]]:
    """Yield the name and the outcome of each check of the entity's data as it is now, aliases included."""
    from inn8_pipeline.warehouse.queries.health import examine

    settings = read_sync(Environment())
    recent = settings.last_days(settings.lookback_days)
    checked = CheckInput(entity, settings, examine(engine, tenant.tenant_id, entity, recent))
    for name, check in CHECKS.items():
        outcome = check.rule(checked)
        yield from ((each, outcome) for each in with_aliases(name))


def _step_name(tenant: Tenant, entity: Entity) -> str:
    return tenant.name(f"check_{entity}")


def _days(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """Return the days for which Dagster has planned each check: those of the run, though the checks have no days."""
    window = window_of_tags(context.op_execution_context.run.tags)
    return [day.isoformat() for day in window.days()] if window else []
