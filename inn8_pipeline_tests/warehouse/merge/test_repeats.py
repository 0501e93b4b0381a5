"""A landing with the same pages as a merged one is not merged again, unless somebody has changed the table since."""

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import HISTORY, Row, Syncs

NAMES = ["clients", "portfolios", "transactions"]


def sync(syncs: Syncs, name: str) -> bool:
    """Sync what INN8 always sends of an entity; return whether the sync was a repeat."""
    results = {
        "clients": lambda: syncs.clients([client(), client(id="C-2", fullName="Bo Second")], may_skip_same=False),
        "portfolios": lambda: syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-2")], may_skip_same=False),
        "transactions": lambda: syncs.transactions([transaction(), transaction(id="T-2")], HISTORY),
    }
    return results[name]().is_repeat


@pytest.fixture
def synced(syncs: Syncs) -> Syncs:
    for name in NAMES:
        sync(syncs, name)
    return syncs


VALUES = {
    "clients": "select external_id, name from inn8.clients order by 1",
    "portfolios": "select p.external_id, c.external_id as owner from inn8.portfolios p"
    " join inn8.clients c on c.id = p.client_id order by 1",
    "transactions": "select t.external_id, t.amount, p.external_id as owner from inn8.transactions t"
    " join inn8.portfolios p on p.id = t.portfolio_id order by 1",
}


def values(syncs: Syncs) -> dict[str, list[Row]]:
    """Return some values of all rows, and whose they are."""
    return {name: syncs.query(query) for name, query in VALUES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pages_are_a_repeat(synced: Syncs, name: str) -> None:
    assert sync(synced, name)


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("clients", "update inn8.clients set name = 'by hand' where external_id = 'C-2'"),
        ("portfolios", "update inn8.portfolios set client_id = (select min(id) from inn8.clients)"),
        ("portfolios", "delete from inn8.portfolios where external_id = 'P-2'"),
        ("transactions", "delete from inn8.transactions where external_id = 'T-2'"),
        ("transactions", "truncate inn8.transactions"),
    ],
)
def test_rows_that_were_changed_by_hand_are_as_inn8_sends_them_after_the_next_sync(
    synced: Syncs, name: str, by_hand: str
) -> None:
    before = values(synced)
    synced.execute(by_hand)
    assert values(synced) != before
    assert not sync(synced, name)
    assert values(synced) == before
    assert sync(synced, name)


def test_a_truncated_table_takes_those_that_refer_to_it_along_and_all_come_back(synced: Syncs) -> None:
    before = values(synced)
    synced.execute("truncate inn8.clients cascade")
    assert [sync(synced, name) for name in NAMES] == [False, False, False]
    assert values(synced) == before


def test_a_change_by_hand_of_a_dimension_is_repaired_by_the_entity_that_fills_it(synced: Syncs) -> None:
    synced.execute("update inn8.securities set name = 'by hand'")
    assert not sync(synced, "transactions")


def test_a_change_of_one_tenant_leaves_the_repeats_of_another(synced: Syncs, warehouse_url: str) -> None:
    with Syncs(warehouse_url, "t2") as other:
        sync(other, "clients")
        synced.execute("update inn8.clients set name = 'by hand' where tenant_id = 't1' and external_id = 'C-1'")
        assert sync(other, "clients")
    assert not sync(synced, "clients")


def test_a_merge_leaves_its_own_landings_repeatable(synced: Syncs) -> None:
    synced.clients([client(fullName="Another Name")])
    assert synced.query(
        "select is_repeatable from inn8_raw.landings where entity = :entity order by id desc limit 1",
        entity=CLIENTS.name,
    ) == [{"is_repeatable": True}]
