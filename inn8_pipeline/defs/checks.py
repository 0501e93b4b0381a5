"""The checks beside the sync log: does the data stand as it should? Each says what to do where it does not.

They run after each merge, and by themselves where the operator executes them in the UI. Here belongs when; what counts
as good is `judgements`'s.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg

from inn8_pipeline.defs import judgements
from inn8_pipeline.defs.judgements import Subject, Verdict
from inn8_pipeline.defs.names import CONSERVATION, FRESHNESS, Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment, read_sync


@dataclass(frozen=True, slots=True)
class Check:
    """A check's sentence, which the UI shows, and its judgement."""

    sentence: str
    judge: Callable[[Subject], Verdict]


CHECKS = {
    FRESHNESS: Check(
        "Is the last sync recent? Late (a warning) after two ticks, failed (an error) after four. Of transactions it "
        "looks at today's days of trade, so that a backfill does not make them look fresh.",
        judgements.freshness,
    ),
    CONSERVATION: Check(
        "Is every record that came accounted for? fetched + retried = inserted + updated + unchanged + duplicate + "
        "rejected + outside, held against the records on the kept pages.",
        judgements.conservation,
    ),
    "open_rejects": Check(
        "Are refused records open, that nobody has accepted?",
        judgements.open_rejects,
    ),
    "unknown_values": Check(
        "Did INN8 send statuses or types that the contract does not list?",
        judgements.unknown_values,
    ),
    "drift": Check(
        "Does INN8 send properties that no column is made from? Names only, never a value.",
        judgements.drift,
    ),
    "row_drop": Check(
        "Are there unusually few? Clients and portfolios against the last landings, the last weekday's transactions "
        "against the same one of the weeks before.",
        judgements.row_drop,
    ),
}


def entity_checks(tenant: Tenant, entity: Entity) -> dg.AssetChecksDefinition:
    """The checks of one entity's table: one step, which reads the warehouse and asks INN8 nothing."""
    key = tenant.key(entity)

    @dg.multi_asset_check(
        name=tenant.name(f"check_{entity}"),
        specs=[dg.AssetCheckSpec(name, asset=key, description=each.sentence) for name, each in CHECKS.items()],
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        from inn8_pipeline.warehouse.health import examine

        settings = read_sync(Environment())
        health = examine(warehouse.engine(), tenant.tenant_id, entity, settings.today())
        for name, each in CHECKS.items():
            if dg.AssetCheckKey(key, name) in context.selected_asset_check_keys:
                yield each.judge(Subject(entity, settings, health)).result(key, name)

    return check
