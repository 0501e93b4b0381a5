"""Implausible transactions are found by id, and sound data are passed over in silence."""

import json
from datetime import date
from typing import Any

import pytest

from inn8_pipeline.defs.checks import plausibility as check
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import Window
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.warehouse.database import snapshot
from inn8_pipeline.warehouse.queries import plausibility
from inn8_pipeline.warehouse.queries.plausibility import Bounds, RuleResult
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

TODAY = date(2026, 10, 30)
BOUNDS = Bounds(max_percent=25, pair_days=5, tolerance_percent=1, today=TODAY)
FOUND: dict[str, set[tuple[str | None, str | None]]] = {
    "sign": {("TX-I0001-sign", None)},
    "negative_units": {("TX-I0001-negative", "SEC-In0")},
    "closed_with_units": {(None, "SEC-Ic0")},
    "unpaired_switch": {("TX-I0001-switched-out", None)},
    "unpaired_transfer": {("TX-I0001-transferred-out", None)},
    "early_settlement": {("TX-I0001-early", None)},
    "duplicate": {("TX-I0001-duplicate", "TX-I0001-duplicate-again")},
    "cancelled": {("TX-I0001-cancelled", "TX-I0001-cancelled-reversal")},
}


def load(syncs: Syncs, implausible: int | None) -> None:
    with World(clients=40, portfolios=80, transactions=500, days=30, last_date=TODAY, implausible=implausible) as world:
        records: dict[str, list[Any]] = {
            name: json.loads(world.body(name, world.days(name), 0, world.count(name)))
            for name in ("clients", "portfolios", "transactions")
        }
        days = Window(world.first_date, world.last_date)
    syncs.clients(records["clients"])
    syncs.portfolios(records["portfolios"])
    syncs.transactions(records["transactions"], days)


def examine(syncs: Syncs, bounds: Bounds = BOUNDS) -> dict[str, RuleResult]:
    with snapshot(syncs.engine, "looking for implausible transactions") as connection:
        return {each.kind: each for each in plausibility.examine(connection, TENANT, bounds)}


def test_each_implausible_case_is_found_by_its_ids_and_nothing_else(syncs: Syncs) -> None:
    load(syncs, 1)
    results = examine(syncs)
    assert [kind for kind, each in results.items() if not each.is_applied] == []
    found = {kind: {(row.transaction_id, row.other_id) for row in each.findings} for kind, each in results.items()}
    assert found == FOUND
    assert {kind: each.count for kind, each in results.items()} == {kind: len(each) for kind, each in FOUND.items()}
    outcome = check.outcome_of(TENANT, list(results.values()))
    assert (outcome.passed, outcome.is_error, outcome.metadata["sign"]) == (False, False, 1)
    assert "TX-I" not in str(outcome)
    assert check.outcome(Tenant(TENANT), syncs.engine).passed is False
    # A transfer of other units than its counterpart's: neither has one.
    other_units = """
        update inn8.transactions set quantity = quantity + 1
         where id = (select min(id) from inn8.transactions where transaction_type = 'transfer_in'
                        and trade_date between :first and :last)
    """
    syncs.execute(other_units, first=date(2026, 10, 8), last=date(2026, 10, 20))
    assert examine(syncs)["unpaired_transfer"].count == 3
    # A reversal of the reversal: the pair and the unusual sign are gone.
    syncs.execute(
        "update inn8.transactions set amount = abs(amount), settlement_date = null where external_id like 'TX-I%'"
    )
    later = examine(syncs)
    assert [later[kind].count for kind in ("sign", "cancelled", "early_settlement")] == [0, 0, 0]
    terminal = Terminal(
        {"INN8_DATABASE_URL": syncs.url, "INN8_TENANT_ID": TENANT, "INN8_PLAUSIBILITY_MAX_PERCENT": "25"}
    )
    listed = terminal.ask("plausibility", "--kind", "duplicate", "--exit-code")
    assert (listed.exit_code, "TX-I0001-duplicate-again" in listed.stdout) == (3, True)
    assert max(map(len, terminal.ask("plausibility").stdout.splitlines())) <= 80
    (only,) = json.loads(terminal.ask("plausibility", "--kind", "unpaired_switch", "--json").stdout)
    assert only["findings"][0]["transaction_id"] == "TX-I0001-switched-out"


@pytest.mark.parametrize("implausible", [0, None])
def test_sound_data_have_no_findings_and_rules_that_the_data_do_not_keep_are_not_applied(
    syncs: Syncs, implausible: int | None
) -> None:
    load(syncs, implausible)
    results = examine(syncs, Bounds(5, 5, 1, TODAY))
    assert {kind: each.findings for kind, each in results.items() if each.findings} == {}
    broken = {"negative_units", "closed_with_units", "unpaired_switch"}
    assert {kind for kind, each in results.items() if not each.is_applied} == (set() if implausible == 0 else broken)
    assert check.outcome_of(TENANT, list(results.values())).passed
