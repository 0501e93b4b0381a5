"""A complete fetch shows that a row is gone, unless a record may be the row; other rows that it lacks are reported."""

from datetime import datetime
from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.results import Counts, Status, SyncResult
from inn8_pipeline.warehouse.queries import rejects
from inn8_pipeline_tests.transform.builders import client, transaction, without
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, many, october

JUNK = without(client(fullName="junk"), "id")


def traded(day: int, number: int = 1, **changes: object) -> dict[str, Any]:
    return transaction(id=f"T-{number}", tradeDate=f"2026-10-{day:02}", **changes)


def state(syncs: Syncs, external_id: str, table: str = "clients") -> str:
    row = syncs.row(table, external_id)
    return "removed" if row["removed_at"] else "missing" if row["missing_since"] else "present"


def synced_at(syncs: Syncs, external_id: str, view: str = "client_details") -> datetime:
    (row,) = syncs.query(f"select last_synced_at from inn8.{view} where external_id = :id", id=external_id)
    at: datetime = row["last_synced_at"]
    return at


def unconfirmed(result: SyncResult) -> dict[str, int]:
    return {each.reason: each.rows for each in result.unconfirmed}


# A record without a readable id


def test_beside_a_known_record_without_an_id_the_absence_of_a_row_is_proven(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2"), JUNK])
    first = syncs.clients([client(), JUNK])
    assert (first.missing, unconfirmed(first)) == (1, {})
    assert syncs.clients([client(), JUNK]).removed == 1
    assert state(syncs, "C-2") == "removed"


def test_a_row_that_was_gone_when_the_record_came_is_unconfirmed_until_the_record_is_accepted(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    results = [syncs.clients([client(), JUNK]) for _ in range(2)]
    for result in results:
        assert (result.missing, unconfirmed(result), result.status) == (0, {"unreadable": 1}, Status.PARTIAL_SUCCESS)
    assert results[-1].unconfirmed[0].since == syncs.reject()["first_seen_at"]
    assert rejects.accept(syncs.engine, TENANT, [syncs.reject()["id"]], "a test record of INN8's")
    assert syncs.clients([client(), JUNK]).missing == 1
    result = syncs.clients([client(), JUNK])
    assert (result.removed, unconfirmed(result), result.status) == (1, {}, Status.SUCCESS)


def test_a_second_record_of_the_same_content_may_be_the_row(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2"), JUNK])
    result = syncs.clients([client(), JUNK, JUNK])
    assert (result.missing, unconfirmed(result)) == (0, {"unreadable": 1})


def test_a_record_whose_content_changes_may_be_the_row(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2"), JUNK])
    assert unconfirmed(syncs.clients([client(), JUNK | {"fullName": "other junk"}])) == {"unreadable": 1}


def test_a_row_that_was_missing_before_an_unreadable_record_came_is_not_removed_by_it(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    assert syncs.clients([client()]).missing == 1
    assert syncs.clients([client(), JUNK]).removed == 0
    assert state(syncs, "C-2") == "missing"


def test_one_record_without_an_id_in_one_window_leaves_the_other_days_provable(owned: Syncs) -> None:
    junk = without(traded(9, 8), "id")
    owned.transactions([traded(2, 2)], october(1, 4))
    owned.transactions([traded(5), traded(6, 3), junk], october(5, 10))
    assert owned.transactions([traded(6, 3), junk], october(5, 10)).missing == 1
    owned.transactions([traded(6, 3), junk], october(5, 10))
    assert owned.transactions([traded(2, 2)], october(1, 4)).removed == 1


def test_a_row_that_comes_back_is_no_longer_unconfirmed(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    syncs.clients([client(), JUNK])
    result = syncs.clients([client(), client(id="C-2"), JUNK])
    assert unconfirmed(result) == {}
    assert syncs.query("select * from inn8.unconfirmed_rows") == []


# last_synced_at


@pytest.mark.parametrize(
    ("lacks", "duplicates"), [([client(), JUNK], False), ([client()], True)], ids=["unreadable", "duplicates"]
)
def test_a_row_that_a_landing_that_is_not_complete_lacks_is_not_confirmed_by_it(
    syncs: Syncs,
    lacks: list[object],
    duplicates: bool,  # noqa: FBT001 (pytest calls it by name)
) -> None:
    syncs.clients([client(), client(id="C-2")])
    held = synced_at(syncs, "C-2")
    for _ in range(2):
        syncs.merge(syncs.land(CLIENTS, lacks, has_duplicates=duplicates))
    assert synced_at(syncs, "C-2") == held
    assert synced_at(syncs, "C-1") > held


def test_a_row_whose_removal_is_held_back_is_not_confirmed(syncs: Syncs) -> None:
    sent = many(client, 20)
    syncs.clients(sent)
    held = synced_at(syncs, "X-000")
    results = [syncs.clients(sent[5:]) for _ in range(2)]
    assert unconfirmed(results[-1]) == {"held_back": 5}
    assert (synced_at(syncs, "X-000"), synced_at(syncs, "X-010") > held) == (held, True)
    syncs.clients(sent[5:], removal_limit=RemovalLimit(is_overridden=True))
    assert (state(syncs, "X-000"), synced_at(syncs, "X-000")) == ("missing", held)
    assert syncs.query("select * from inn8.unconfirmed_rows") == []


def test_an_out_of_order_landing_is_older_than_what_confirmed_a_row_before_it_was_lacking(owned: Syncs) -> None:
    owned.transactions([traded(5, description="confirmed"), traded(6, 9)], october(5, 6))
    late = owned.land(TRANSACTIONS, [traded(4, description="older")], october(4))
    owned.transactions([traded(5, description="confirmed"), traded(6, 9)], october(5, 6))
    owned.merge(owned.land(TRANSACTIONS, [traded(6, 9)], october(5, 6), has_duplicates=True))
    assert owned.merge(late).counts == Counts(fetched=1, skipped=1)


# Another day of trade


def test_a_transaction_that_moves_into_the_future_and_is_sent_is_neither_missing_nor_removed(owned: Syncs) -> None:
    owned.transactions([traded(5), traded(6, 9)])
    held = synced_at(owned, "T-1", "transaction_details")
    for _ in range(3):
        result = owned.transactions([traded(25), traded(6, 9)])
        assert (result.missing, unconfirmed(result), result.status) == (0, {"other_day": 1}, Status.PARTIAL_SUCCESS)
    assert (state(owned, "T-1", "transactions"), synced_at(owned, "T-1", "transaction_details")) == ("present", held)
    owned.transactions([traded(25)], october(25), full_window=october(1, 25))
    assert owned.row("transactions", "T-1")["trade_date"].day == 25
    assert owned.query("select * from inn8.unconfirmed_rows") == []


def test_a_rejected_record_of_another_day_is_known_by_its_id(owned: Syncs) -> None:
    owned.transactions([traded(5), traded(6, 9)])
    result = owned.transactions([traded(25, fees="x"), traded(6, 9)])
    assert (result.missing, unconfirmed(result)) == (0, {"other_day": 1})


# An empty window


def test_an_empty_answer_proves_nothing_until_inn8_has_answered_with_records(owned: Syncs) -> None:
    owned.transactions([traded(5)], october(5))
    owned.transactions([traded(8, 8)], october(8))
    for _ in range(2):
        result = owned.transactions([], october(5))
        assert (result.status, result.missing, unconfirmed(result)) == (Status.NO_DATA, 0, {"empty": 1})
    owned.transactions([traded(8, 8)], october(8))
    assert owned.transactions([], october(5)).missing == 1
    assert state(owned, "T-1", "transactions") == "missing"


def test_an_empty_chunk_of_a_sweep_keeps_no_removed_transaction_for_ever(owned: Syncs) -> None:
    """The only transaction of the chunk was deleted, and another one of another chunk."""
    chunks = {october(1, 3): [traded(2)], october(4, 10): [traded(5, 2), traded(6, 3)]}
    for window, sent in chunks.items():
        owned.transactions(sent, window)
    for _ in range(4):
        owned.transactions([], october(1, 3))
        owned.transactions([traded(6, 3)], october(4, 10))
    assert [state(owned, f"T-{number}", "transactions") for number in (1, 2, 3)] == ["removed", "removed", "present"]


def test_a_server_that_answers_every_window_with_nothing_removes_nothing(owned: Syncs) -> None:
    chunks = {october(1, 3): [traded(2)], october(4, 10): [traded(5, 2)]}
    for window, sent in chunks.items():
        owned.transactions(sent, window)
    results = [owned.transactions([], window) for _ in range(4) for window in chunks]
    assert owned.ids("transactions") == ["T-1", "T-2"]
    assert (results[-1].status, unconfirmed(results[-1])) == (Status.NO_DATA, {"empty": 2})


def test_an_empty_answer_for_many_rows_is_held_back(owned: Syncs) -> None:
    owned.transactions(many(transaction, 20), october(5))
    assert unconfirmed(owned.transactions([], october(5))) == {"empty": 20}
    owned.transactions([traded(8, 8)], october(8))
    result = owned.transactions([], october(5))
    assert (result.held_back, unconfirmed(result)) == (20, {"held_back": 20})


def test_an_empty_response_removes_rows_if_an_operator_allows_it(owned: Syncs) -> None:
    owned.transactions([traded(5)], october(5))
    assert owned.transactions([], october(5), removal_limit=RemovalLimit(is_overridden=True)).missing == 1
