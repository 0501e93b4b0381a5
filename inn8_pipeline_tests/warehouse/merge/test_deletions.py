"""Rows that INN8 no longer sends: two fetches remove a row, a limit holds removals back, and a row can return."""

from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction, without
from inn8_pipeline_tests.warehouse.syncs import HISTORY, Syncs, many, october


def state(syncs: Syncs, external_id: str, table: str = "clients") -> str:
    row = syncs.row(table, external_id)
    return "removed" if row["removed_at"] else "missing" if row["missing_since"] else "present"


def traded(day: int, number: int = 1, **changes: object) -> dict[str, Any]:
    return transaction(id=f"T-{number}", tradeDate=f"2026-10-{day:02}", **changes)


OTHER = traded(6, 9)


def test_a_row_is_missing_after_one_fetch_and_removed_after_two(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    first = syncs.clients([client()])
    assert (first.missing, first.removed, state(syncs, "C-2")) == (1, 0, "missing")
    second = syncs.clients([client()])
    assert (second.missing, second.removed, state(syncs, "C-2")) == (0, 1, "removed")
    assert syncs.clients([client()]).is_repeat


def test_missing_since_is_the_start_of_the_fetch_that_lacked_it_and_the_row_keeps_when_it_was_last_there(
    syncs: Syncs,
) -> None:
    syncs.clients([client(), client(id="C-2")])
    syncs.clients([client(), client(id="C-2")])
    held = syncs.query("select last_synced_at from inn8.sync_state")[0]["last_synced_at"]
    landing = syncs.land(CLIENTS, [client()])
    syncs.merge(landing)
    row = syncs.row("clients", "C-2")
    assert (row["missing_since"], row["as_of_at"]) == (landing.started_at, held)


@pytest.mark.parametrize("fetches", [1, 2])
def test_a_row_that_comes_back_is_present_again(syncs: Syncs, fetches: int) -> None:
    syncs.clients([client(), client(id="C-2")])
    for _ in range(fetches):
        syncs.clients([client()])
    result = syncs.clients([client(), client(id="C-2")])
    assert result.counts == Counts(fetched=2, updated=1, unchanged=1)
    assert state(syncs, "C-2") == "present"


def test_the_same_landing_merged_twice_counts_as_one_fetch(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    landing = syncs.land(CLIENTS, [client()])
    syncs.merge(landing)
    assert syncs.merge(landing, may_repeat=False).removed == 0
    assert state(syncs, "C-2") == "missing"


def test_a_rejected_record_counts_as_present(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    for _ in range(3):
        result = syncs.clients([client(), client(id="C-2", fullName=1)], may_repeat=False)
        assert result.missing == 0
    assert state(syncs, "C-2") == "present"


def test_a_row_that_is_missing_and_comes_back_invalid_is_not_removed(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    syncs.clients([client()])
    assert syncs.clients([client(), client(id="C-2", fullName=1)]).removed == 0
    assert state(syncs, "C-2") == "missing"


def test_a_new_reject_without_an_id_may_be_any_row_that_is_lacking(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    for _ in range(2):
        assert syncs.clients([client(), without(client(), "id")], may_repeat=False).missing == 0
    syncs.clients([client()])
    assert syncs.clients([client(), without(client(), "id")]).removed == 0
    assert state(syncs, "C-2") == "missing"


def test_a_transaction_without_a_day_is_known_by_its_id_and_proves_the_absence_of_the_others(owned: Syncs) -> None:
    owned.transactions([traded(5), traded(5, 2), OTHER])
    assert owned.transactions([OTHER, without(traded(5, 2), "tradeDate")]).missing == 1
    assert owned.transactions([OTHER, without(traded(5, 2), "tradeDate")]).removed == 1
    assert [state(owned, each, "transactions") for each in ("T-1", "T-2")] == ["removed", "present"]


def test_accepted_duplicates_make_a_landing_prove_nothing(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    for _ in range(2):
        result = syncs.merge(syncs.land(CLIENTS, [client(), client()], has_duplicates=True))
        assert (result.missing, result.removed) == (0, 0)


def test_more_than_the_bound_is_not_marked_and_says_so(syncs: Syncs) -> None:
    sent = many(client, 20)
    syncs.clients(sent)
    for _ in range(2):
        result = syncs.clients(sent[5:])
        assert not result.is_repeat
        assert (result.status, result.held_back, result.missing) == (Status.PARTIAL_SUCCESS, 5, 0)
    assert len(syncs.ids("clients")) == 20


def test_as_many_as_the_bound_allows_are_marked(syncs: Syncs) -> None:
    sent = many(client, 20)
    syncs.clients(sent)
    assert syncs.clients(sent[4:]).missing == 4


def test_the_bound_holds_from_twenty_rows_on(syncs: Syncs) -> None:
    sent = many(client, 19)
    syncs.clients(sent)
    assert syncs.clients(sent[10:]).missing == 10


def test_the_bound_can_be_overridden_and_applies_to_the_first_fetch_only(syncs: Syncs) -> None:
    sent = many(client, 20)
    syncs.clients(sent)
    assert syncs.clients(sent[10:], removal_limit=RemovalLimit(is_overridden=True)).missing == 10
    assert syncs.clients(sent[10:]).removed == 10


def test_removals_that_are_held_back_prove_nothing_for_the_others(syncs: Syncs) -> None:
    sent = many(client, 21)
    syncs.clients(sent)
    assert syncs.clients(sent[1:]).missing == 1
    assert syncs.clients(sent[10:]).removed == 0
    assert state(syncs, "X-000") == "missing"


def test_no_data_removes_nothing(syncs: Syncs) -> None:
    syncs.clients([client()])
    for _ in range(3):
        assert syncs.clients([]).missing == 0
    assert state(syncs, "C-1") == "present"


def test_a_transaction_is_removed_only_after_a_later_fetch_of_every_day(owned: Syncs) -> None:
    owned.transactions([traded(5), OTHER])
    assert owned.transactions([OTHER], october(5, 6)).missing == 1
    assert owned.transactions([OTHER], october(5, 6)).removed == 0
    assert owned.transactions([traded(8, 3)], october(7, 10)).removed == 0
    assert owned.transactions([traded(2, 4)], october(1, 4)).removed == 1
    assert state(owned, "T-1", "transactions") == "removed"


def test_a_day_of_the_history_without_a_landing_keeps_everything(owned: Syncs) -> None:
    owned.transactions([traded(5), OTHER], october(2, 10))
    for _ in range(3):
        assert owned.transactions([OTHER], october(2, 10)).removed == 0
    assert owned.transactions([OTHER, traded(1, 2)], HISTORY).removed == 1


def test_a_transaction_beyond_the_history_is_never_removed(owned: Syncs) -> None:
    owned.transactions([traded(5), OTHER])
    for _ in range(3):
        assert owned.transactions([OTHER], full_window=october(6, 10), may_repeat=False).removed == 0


def test_a_transaction_that_moves_out_of_the_window_is_missing_until_it_is_found_again(owned: Syncs) -> None:
    owned.transactions([traded(5), OTHER])
    owned.transactions([OTHER], october(5, 6))
    assert state(owned, "T-1", "transactions") == "missing"
    result = owned.transactions([traded(2), OTHER])
    assert result.counts == Counts(fetched=2, updated=1, unchanged=1)
    assert state(owned, "T-1", "transactions") == "present"
    assert owned.row("transactions", "T-1")["trade_date"].day == 2


def test_a_transaction_that_moves_into_the_window_is_one_row(owned: Syncs) -> None:
    owned.transactions([traded(2), OTHER])
    result = owned.transactions([traded(5), OTHER], october(5, 6))
    assert result.counts == Counts(fetched=2, updated=1, unchanged=1)
    assert [row["trade_date"].day for row in owned.rows("transactions") if row["external_id"] == "T-1"] == [5]


def test_a_transaction_that_moves_to_another_day_and_back_is_merged_again(owned: Syncs) -> None:
    """The pages of its first day come back to the byte; the row does not stand there any more."""
    owned.transactions([traded(2), traded(3, 2)], october(1, 4))
    owned.transactions([traded(5), OTHER], october(5, 6))
    result = owned.transactions([traded(2), traded(3, 2)], october(1, 4))
    assert result.counts == Counts(fetched=2, updated=1, unchanged=1)
    assert owned.row("transactions", "T-1")["trade_date"].day == 2


def test_a_repeated_landing_counts_as_the_second_fetch_that_lacks_a_row_elsewhere(owned: Syncs) -> None:
    owned.transactions([traded(2, 2)], october(1, 4))
    owned.transactions([traded(5), OTHER], october(5, 10))
    owned.transactions([OTHER], october(5, 10))
    owned.transactions([OTHER], october(5, 10))
    result = owned.transactions([traded(2, 2)], october(1, 4))
    assert (result.is_repeat, result.removed) == (True, 1)


def test_a_missing_parent_keeps_its_children(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-2")])
    for _ in range(2):
        syncs.clients([client()])
    assert syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-2")]).counts.rejected == 0
    assert state(syncs, "P-2", "portfolios") == "present"
