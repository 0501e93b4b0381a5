"""One merge: the result of each record, the stored counts, and atomicity."""

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ReconciliationError, TooManyRejectsError
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.merge.options import RejectLimit
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline_tests.transform.builders import body, client, portfolio, security, transaction, without
from inn8_pipeline_tests.warehouse.syncs import Syncs, Verbatim, many, october


def test_new_records_are_inserted_with_the_keys_of_their_parents(syncs: Syncs) -> None:
    syncs.with_parents()
    result = syncs.transactions([transaction()])
    row = syncs.row("transactions", "T-1")
    assert result.status is Status.SUCCESS
    assert result.counts == Counts(fetched=1, inserted=1)
    assert result.dimensions == {"securities": {"inserted": 1}}
    assert row["portfolio_id"] == syncs.row("portfolios", "P-1")["id"]
    assert row["security_id"] == syncs.row("securities", "S-1")["id"]
    assert syncs.row("portfolios", "P-1")["client_id"] == syncs.row("clients", "C-1")["id"]


def test_what_differs_is_updated_and_what_is_the_same_is_not_written(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    before = syncs.row("clients", "C-1")
    result = syncs.clients([client(), client(id="C-2", fullName="Sipho Dlamini")])
    assert result.counts == Counts(fetched=2, updated=1, unchanged=1)
    assert syncs.row("clients", "C-1") == before
    changed = syncs.row("clients", "C-2")
    assert changed["name"] == "Sipho Dlamini"
    assert changed["updated_at"] > changed["created_at"]


@pytest.mark.parametrize("may_repeat", [True, False])
def test_the_same_again_writes_no_row_and_no_page(owned: Syncs, may_repeat: bool) -> None:  # noqa: FBT001 (pytest's)
    owned.transactions([transaction(), transaction(id="T-2", tradeDate="2026-10-07")])
    tables, pages = owned.versions(), owned.query("select sha256, xmin::text from inn8_raw.pages order by 1")
    result = owned.transactions([transaction(), transaction(id="T-2", tradeDate="2026-10-07")], may_repeat=may_repeat)
    assert result.counts == Counts(fetched=2, unchanged=2)
    assert result.is_repeat is may_repeat
    after = owned.versions()
    if not may_repeat:  # a merge is remembered for its days; no row of data is written
        tables.pop("sync_coverage"), after.pop("sync_coverage")
    assert after == tables
    assert owned.query("select sha256, xmin::text from inn8_raw.pages order by 1") == pages


def test_a_repeat_tells_the_status_and_the_counts_of_what_it_repeats(owned: Syncs) -> None:
    sent: list[object] = [transaction(), transaction(id="T-2", portfolioId=7), transaction()]
    first = owned.transactions(sent)
    again = owned.transactions(sent)
    assert first.counts == Counts(fetched=3, inserted=1, duplicate=1, rejected=1)
    assert again.is_repeat
    assert again.counts == Counts(fetched=3, unchanged=1, duplicate=1, rejected=1)
    assert again.status is first.status is Status.PARTIAL_SUCCESS
    assert again.by_day == {october(5).from_date: again.counts}
    assert again.rejected_by_reason == {"wrong_type": 1}
    assert again.open_rejects == 1


def test_other_rules_of_the_transform_are_merged_though_nothing_changed(syncs: Syncs) -> None:
    syncs.clients([client()])
    changed = TRANSFORM_VERSION + 1
    assert not syncs.merge(syncs.land(CLIENTS, [client()]), version=changed).is_repeat
    assert syncs.merge(syncs.land(CLIENTS, [client()]), version=changed).is_repeat


def test_another_window_of_the_same_pages_is_no_repeat(owned: Syncs) -> None:
    owned.transactions([transaction()], october(5, 6))
    assert not owned.transactions([transaction()], october(5, 7)).is_repeat


def test_of_duplicates_the_last_valid_one_is_merged_and_the_others_are_counted(syncs: Syncs) -> None:
    sent: list[object] = [client(fullName="first"), client(fullName="second"), client(fullName=3)]
    result = syncs.clients(sent)
    assert result.counts == Counts(fetched=3, inserted=1, duplicate=1, rejected=1)
    assert syncs.row("clients", "C-1")["name"] == "second"


def test_a_record_of_the_wrong_shape_costs_that_record_only(syncs: Syncs) -> None:
    sent: list[object] = [*many(client, 30), 7, None, "text", [], without(client(), "fullName")]
    result = syncs.clients(sent)
    assert result.status is Status.PARTIAL_SUCCESS
    assert result.counts == Counts(fetched=35, inserted=30, rejected=5)
    assert result.rejected_by_reason == {"not_an_object": 4, "missing_field": 1}
    payloads = syncs.query("select payload::text as text from inn8.rejected_records where external_id is null")
    assert {row["text"] for row in payloads} == {"7", "null", '"text"', "[]"}


def test_records_beyond_the_window_are_counted_and_left_out(owned: Syncs) -> None:
    result = owned.transactions([transaction(), transaction(id="T-2", tradeDate="2026-09-30")], october(1, 10))
    assert result.counts == Counts(fetched=2, inserted=1, skipped=1)
    assert owned.ids("transactions") == ["T-1"]


def test_counts_are_kept_by_day_of_trade(owned: Syncs) -> None:
    owned.transactions([transaction()])
    result = owned.transactions(
        [transaction(), transaction(id="T-2", tradeDate="2026-10-06"), transaction(id="T-3", fees="x")]
    )
    assert result.by_day == {
        october(5).from_date: Counts(fetched=2, unchanged=1, rejected=1),
        october(6).from_date: Counts(fetched=1, inserted=1),
    }


def test_no_data_changes_nothing(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    before = syncs.versions()
    result = syncs.clients([])
    assert result.status is Status.NO_DATA
    assert result.counts == Counts()
    assert syncs.versions() == before
    assert syncs.query("select last_synced_at from inn8.sync_state where entity = 'clients'") == [
        {"last_synced_at": syncs.row("clients", "C-1")["as_of_at"]}
    ]


def test_an_empty_collection_is_repeated_without_writing_a_row(owned: Syncs) -> None:
    assert owned.transactions([], october(1, 3)).status is Status.NO_DATA
    before = owned.versions()
    synced = owned.query("select max(last_synced_at) as at from inn8.sync_state where entity = 'transactions'")
    assert owned.transactions([], october(1, 3)).status is Status.NO_DATA
    assert owned.versions() == before
    again = owned.query("select max(last_synced_at) as at from inn8.sync_state where entity = 'transactions'")
    assert again[0]["at"] > synced[0]["at"]


def test_no_data_of_other_days_is_known_of_those(owned: Syncs) -> None:
    for window in (october(1, 3), october(2, 4)):
        owned.transactions([], window)
    known = owned.query("select trade_date from inn8.sync_state where entity = 'transactions' order by 1")
    assert [each["trade_date"].day for each in known] == [1, 2, 3, 4]


def test_counts_that_do_not_add_up_undo_the_merge(syncs: Syncs) -> None:
    syncs.clients([client()])
    before = syncs.versions()
    landing = syncs.land(CLIENTS, [Verbatim(body(client(id="C-2")), records=2)])
    with pytest.raises(ReconciliationError) as caught:
        syncs.merge(landing)
    assert caught.value.counts["fetched"] == 2
    assert caught.value.counts["inserted"] == 1
    assert syncs.versions() == before


def test_a_trigger_that_changes_what_was_merged_is_found_out_by_the_counts(syncs: Syncs) -> None:
    syncs.clients([client()])
    syncs.execute("create function keep() returns trigger language plpgsql as 'begin return null; end'")
    syncs.execute("create trigger keep before update on inn8.clients for each row execute function keep()")
    with pytest.raises(ReconciliationError):
        syncs.clients([client(fullName="Sipho Dlamini")])


def test_a_changed_contract_fails_the_sync_and_keeps_the_rows(syncs: Syncs) -> None:
    syncs.clients(many(client, 20))
    before = syncs.versions()
    with pytest.raises(TooManyRejectsError) as caught:
        syncs.clients([without(each, "fullName") for each in many(client, 11)] + many(client, 9))
    assert (caught.value.rejected, caught.value.records) == (11, 20)
    assert syncs.versions() == before


def test_as_many_rejects_as_the_bound_allows_are_rejects(syncs: Syncs) -> None:
    invalid = [without(each, "fullName") for each in many(client, 10)]
    result = syncs.clients(invalid + [client(id=f"C-{number}") for number in range(10)])
    assert result.counts == Counts(fetched=20, inserted=10, rejected=10)


def test_the_bound_of_rejects_can_be_raised_for_a_run(syncs: Syncs) -> None:
    invalid = [without(each, "fullName") for each in many(client, 20)]
    assert syncs.clients(invalid, reject_limit=RejectLimit(percent=100)).counts.rejected == 20


def test_records_of_unknown_parents_do_not_count_towards_the_bound(syncs: Syncs) -> None:
    assert syncs.portfolios(many(portfolio, 25)).rejected_by_reason == {"unknown_parent": 25}


def test_open_rejects_of_other_days_do_not_count_towards_the_bound(owned: Syncs) -> None:
    no_bound = RejectLimit(percent=100)
    owned.transactions(many(transaction, 30, fees="x", tradeDate="2026-10-01"), october(1), reject_limit=no_bound)
    result = owned.transactions([transaction(id=f"T-{n}") for n in range(20)], october(5))
    assert result.counts == Counts(fetched=20, retried=30, inserted=20, rejected=30)


def test_a_security_keeps_the_attributes_of_the_newest_trade_date(owned: Syncs) -> None:
    def traded(name: str, day: int) -> object:
        return transaction(id=f"T-{day}", tradeDate=f"2026-10-{day:02}", security=security(name=name))

    owned.transactions([traded("of the 8th", 8), traded("of the 3rd", 3)])
    assert owned.row("securities", "S-1")["name"] == "of the 8th"
    owned.transactions([traded("of the 2nd", 2)], october(2))
    assert owned.row("securities", "S-1")["name"] == "of the 8th"
    owned.transactions([traded("of the 9th", 9)], october(9))
    row = owned.row("securities", "S-1")
    assert (row["name"], row["as_of_date"].day) == ("of the 9th", 9)


def test_another_tenant_s_parents_and_rows_are_not_seen(owned: Syncs) -> None:
    owned.execute("update inn8.portfolios set external_id = 'P-9'")
    owned.execute(
        "insert into inn8.clients (tenant_id, external_id, name, phone, address, status, as_of_at)"
        " values ('t2', 'C-1', 'x', '', '', 'active', now())"
    )
    owned.execute(
        "insert into inn8.portfolios (tenant_id, external_id, client_id, name, account_type, status, as_of_at)"
        " select 't2', 'P-1', id, 'x', 'trust', 'active', now() from inn8.clients where tenant_id = 't2'"
    )
    assert owned.transactions([transaction()]).rejected_by_reason == {"unknown_parent": 1}


def test_a_page_that_a_landing_has_twice_is_read_twice(syncs: Syncs) -> None:
    page = Verbatim(body(client(id="C-1"), client(id="C-2", fullName=5)), 2)
    result = syncs.clients([page, page])
    assert result.counts == Counts(fetched=4, inserted=1, duplicate=1, rejected=2)
