"""A sync is a `Success` only if every record is in the table, nothing else is, and nothing is open."""

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.warehouse.merge.results import Counts, Status, StatusFacts, SyncResult, status_of
from inn8_pipeline.warehouse.queries import rejects
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, october

CONFIRMED = Counts(fetched=9, inserted=1, updated=1, unchanged=3, duplicate=1, rejected=1, skipped=2)
OTHERWISE = {
    "nothing was sent": (Counts(), StatusFacts(), Status.NO_DATA),
    "everything is of other days": (Counts(fetched=2, skipped=2), StatusFacts(), Status.NO_DATA),
    "everything is older than the table": (Counts(fetched=2, skipped=2), StatusFacts(older=2), Status.PARTIAL_SUCCESS),
    "everything was rejected": (Counts(fetched=2, rejected=2), StatusFacts(), Status.PARTIAL_SUCCESS),
    "a reject is open": (CONFIRMED, StatusFacts(open_rejects=1), Status.PARTIAL_SUCCESS),
    "removals are held back": (CONFIRMED, StatusFacts(held_back=1), Status.PARTIAL_SUCCESS),
    "a row is unconfirmed": (CONFIRMED, StatusFacts(unconfirmed=1), Status.PARTIAL_SUCCESS),
    "an id came twice": (CONFIRMED, StatusFacts(sent_again=1), Status.PARTIAL_SUCCESS),
    "the landing proves no absence": (CONFIRMED, StatusFacts(proves_absence=False), Status.PARTIAL_SUCCESS),
}


def test_a_sync_that_confirmed_records_and_left_nothing_open_is_a_success() -> None:
    assert status_of(CONFIRMED, StatusFacts()) is Status.SUCCESS
    assert status_of(CONFIRMED, StatusFacts(older=1)) is Status.SUCCESS


@pytest.mark.parametrize(("counts", "facts", "status"), OTHERWISE.values(), ids=OTHERWISE)
def test_any_other_sync_is_no_success(counts: Counts, facts: StatusFacts, status: Status) -> None:
    assert status_of(counts, facts) is status


def test_a_sync_of_which_all_records_are_accepted_rejects_is_no_success(syncs: Syncs) -> None:
    invalid: list[object] = [client(fullName=1)]
    syncs.clients(invalid)
    assert rejects.accept(syncs.engine, TENANT, [syncs.reject()["id"]], "known")
    for may_repeat in (False, True):
        assert syncs.clients(invalid, may_repeat=may_repeat).status is Status.PARTIAL_SUCCESS


def test_a_sync_of_which_all_records_are_of_other_days_is_no_data(owned: Syncs) -> None:
    sent: list[object] = [transaction(tradeDate="2026-09-01")]
    for may_repeat in (False, True):
        result = owned.transactions(sent, october(5), may_repeat=may_repeat)
        assert (result.counts, result.status) == (Counts(fetched=1, skipped=1), Status.NO_DATA)


def test_accepted_duplicates_are_no_success_either_when_they_come_again(syncs: Syncs) -> None:
    for _ in range(2):
        landing = syncs.land(CLIENTS, [client(), client()], has_duplicates=True)
        assert syncs.merge(landing).status is Status.PARTIAL_SUCCESS


def test_an_id_that_is_twice_on_one_page_is_no_success_until_it_comes_once(syncs: Syncs) -> None:
    twice: list[object] = [client(fullName="another"), client(), client(id="C-2")]
    for is_repeat in (False, True, True):
        result = syncs.clients(twice)
        assert (result.status, result.sent_again, result.is_repeat) == (Status.PARTIAL_SUCCESS, 1, is_repeat)
    assert syncs.clients(twice[1:]).status is Status.SUCCESS


def test_a_landing_whose_end_is_not_proven_is_no_success_even_as_a_repeat_and_marks_no_row_as_missing(
    syncs: Syncs,
) -> None:
    def unproven() -> SyncResult:
        return syncs.merge(syncs.land(CLIENTS, [client()], unproven_end="has 1 record"))

    assert syncs.clients([client()]).status is Status.SUCCESS
    found = [unproven(), unproven(), syncs.clients([client()])]
    assert [(each.is_repeat, str(each.status)) for each in found] == [
        (False, "PartialSuccess"),
        (True, "PartialSuccess"),
        (False, "Success"),
    ]
    syncs.clients([client(), client(id="C-2")])
    for _ in range(2):
        assert [(each.reason, each.rows) for each in unproven().unconfirmed] == [("unproven_end", 1)]
    assert syncs.query("select * from inn8.clients where missing_since is not null") == []
    assert syncs.clients([client(), {"id": "C-3"}]).missing == 1
    assert (unproven().open_rejects, syncs.clients([client()]).open_rejects) == (1, 0)
