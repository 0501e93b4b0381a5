"""The asset check `plausibility`: do money and units add up? It warns, names counts only, and changes nothing.

It reads all transactions of the tenant, so a tick does not evaluate it: the sweeps do, after the merge of the newest
days, and so does an operator who executes it in the UI. `inn8 plausibility` names what it has found.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.checks.asset_checks import reported
from inn8_pipeline.defs.checks.check_rules import CheckOutcome
from inn8_pipeline.defs.names import PLAUSIBILITY, Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_plausibility, read_sync
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from inn8_pipeline.warehouse import database
    from inn8_pipeline.warehouse.queries import plausibility
else:
    database = lazy_module("inn8_pipeline.warehouse.database")
    plausibility = lazy_module("inn8_pipeline.warehouse.queries.plausibility")

_DESCRIPTION = (
    "Do money and units add up? Counts, by kind, the transactions that are implausible: an unusual sign, units below "
    "zero or in a closed portfolio, a switch or a transfer without its counterpart, settlement before trade, likely "
    "duplicates and cancellations. `inn8 plausibility` lists them. Evaluated after each sweep."
)


def plausibility_check(tenant: Tenant) -> dg.AssetChecksDefinition:
    """Return the check of a tenant's transactions as a step that the UI can execute."""
    key = tenant.key(TRANSACTIONS)

    @dg.multi_asset_check(
        name=tenant.name("check_plausibility"),
        specs=[dg.AssetCheckSpec(PLAUSIBILITY, asset=key, description=_DESCRIPTION)],
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        yield reported(context, outcome(tenant, warehouse.engine()), key, PLAUSIBILITY)

    return check


def log_after_sweep(context: dg.AssetExecutionContext, tenant: Tenant, sync: LoggedSync, engine: "Engine") -> None:
    """Evaluate the check in the step that has merged the newest days of a sweep."""
    today = read_sync(Environment()).today()
    is_newest = sync.window is not None and sync.window.to_date >= today - timedelta(days=1)
    if sync.entity != TRANSACTIONS.name or sync.trigger is not Trigger.SWEEP or not is_newest:
        return
    try:
        found = outcome(tenant, engine)
    except Inn8Error as error:
        context.log.warning("The check plausibility was not evaluated; the next sweep evaluates it. %s", error)
        return
    context.log_event(found.evaluation(tenant.key(TRANSACTIONS), PLAUSIBILITY))


def outcome(tenant: Tenant, engine: "Engine") -> CheckOutcome:
    """Evaluate the check on the present rows."""
    environment = Environment()
    bounds = plausibility.Bounds(**asdict(read_plausibility(environment)), today=read_sync(environment).today())
    with database.snapshot(engine, "looking for implausible transactions") as connection:
        return outcome_of(tenant.tenant_id, plausibility.examine(connection, tenant.tenant_id, bounds, limit=0))


def outcome_of(tenant_id: str, results: "Sequence[plausibility.RuleResult]") -> CheckOutcome:
    """Return the outcome for these results: counts only, because amounts and ids are for the terminal."""
    found = {each.kind: each.count for each in results if each.is_applied}
    not_applied = {each.kind: f"{each.count} of {each.candidates}" for each in results if not each.is_applied}
    numbers = {**found, **({"not_applied": not_applied} if not_applied else {})}
    listed = ", ".join(f"{kind} {count}" for kind, count in found.items() if count)
    if not listed:
        return CheckOutcome(passed=True, metadata=numbers)
    advice = (
        f"Some transactions are implausible ({listed}). The tables have them as INN8 sent them; no row was changed. "
        f"`inn8 plausibility --tenant {tenant_id}` lists them by id. Ask INN8 about them."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=numbers)
