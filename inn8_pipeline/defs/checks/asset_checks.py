"""The checks beside the sync log: does the data stand as it should? Each says what to do where it does not.

They are evaluated after each merge, and by themselves where the operator executes them in the UI. Here belongs when;
what counts as good is `judgements`'s.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.checks.check_rules import CheckInput, CheckOutcome
from inn8_pipeline.defs.names import FRESHNESS, RECONCILIATION, Tenant
from inn8_pipeline.defs.partitions import window_of_tags
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, read_sync

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Check:
    """A check's sentence, which the UI shows, and its judgement."""

    sentence: str
    judge: Callable[[CheckInput], CheckOutcome]


CHECKS = {
    FRESHNESS: Check(
        "Is the last sync recent? Late (a warning) after two ticks, failed (an error) after four. Of transactions it "
        "looks at today's days of trade, so that a backfill does not make them look fresh.",
        check_rules.freshness,
    ),
    RECONCILIATION: Check(
        "Is every record that came accounted for? fetched + retried = inserted + updated + unchanged + duplicate + "
        "rejected + skipped, held against the records on the kept pages.",
        check_rules.reconciliation,
    ),
    "open_rejects": Check(
        "Are refused records open, that nobody has accepted?",
        check_rules.open_rejects,
    ),
    "unknown_values": Check(
        "Did INN8 send statuses or types that the contract does not list?",
        check_rules.unknown_values,
    ),
    "drift": Check(
        "Does INN8 send properties that no column is made from? Names only, never a value.",
        check_rules.drift,
    ),
    "row_drop": Check(
        "Are there unusually few? Clients and portfolios against the days before, transactions of the last weekday "
        "but yesterday against the same one of the weeks before.",
        check_rules.row_drop,
    ),
}


def entity_checks(tenant: Tenant, entity: Entity) -> dg.AssetChecksDefinition:
    """The checks of one entity's table, for who executes them in the UI: one step, which asks INN8 nothing."""
    key = tenant.key(entity)

    @dg.multi_asset_check(
        name=_step_name(tenant, entity),
        specs=[dg.AssetCheckSpec(name, asset=key, description=each.sentence) for name, each in CHECKS.items()],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        for name, verdict in verdicts(tenant, entity, warehouse.engine()):
            if dg.AssetCheckKey(key, name) in context.selected_asset_check_keys:
                for day in _days(context):
                    # It takes what AssetExecutionContext's takes, which calls it.
                    context.op_execution_context.log_event(verdict.evaluation(key, name, day))  # type: ignore[arg-type]
                yield verdict.result(key, name)

    return check


def log_after_merge(context: dg.AssetExecutionContext, tenant: Tenant, entity: Entity, engine: "Engine") -> None:
    """Evaluate the checks in the step that has merged, unless the run has a step of their own.

    As a step of their own Dagster would plan each of them for each day of the run, and keep what it had planned. Where
    the warehouse cannot be asked just now, the next sync's will do.
    """
    if _step_name(tenant, entity) in context.job_def.graph.node_names():
        return
    try:
        found = list(verdicts(tenant, entity, engine))
    except Inn8Error as error:
        context.log.warning("The checks were not evaluated. %s", error)
        return
    for name, verdict in found:
        context.log_event(verdict.evaluation(tenant.key(entity), name))


def verdicts(tenant: Tenant, entity: Entity, engine: "Engine") -> Iterator[tuple[str, CheckOutcome]]:
    """What each check says of the entity's data as it is now."""
    from inn8_pipeline.warehouse.queries.health import examine

    settings = read_sync(Environment())
    recent = settings.last_days(settings.lookback_days)
    subject = CheckInput(entity, settings, examine(engine, tenant.tenant_id, entity, recent))
    for name, each in CHECKS.items():
        yield name, each.judge(subject)


def _step_name(tenant: Tenant, entity: Entity) -> str:
    return tenant.name(f"check_{entity}")


def _days(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """The days for which Dagster has planned each check: those of the run, though the checks know no days."""
    window = window_of_tags(context.op_execution_context.run.tags)
    return [day.isoformat() for day in window.days()] if window else []
