"""Rejects are stored with their reason, tried again, and healed, withdrawn, superseded or accepted."""

from typing import Any

import pytest
from sqlalchemy import text

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Window
from inn8_pipeline.landing_reader import LandingReader
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline.warehouse.queries import rejects
from inn8_pipeline_tests.transform.builders import body, client, portfolio, transaction, without
from inn8_pipeline_tests.warehouse.syncs import HISTORY, TENANT, Row, Syncs, Verbatim, many, october

STAGED_ROWS_READ = """
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_all_tables
     where relname in ('staged', 'staged_rejects', 'exclusions')
"""
PLANNED_ROWS = """
    select relname, reltuples::int from pg_class
     where relname in ('staged', 'staged_rejects', 'exclusions') and relnamespace = pg_my_temp_schema()
"""
"""How many rows the planner takes the staging tables for."""


def merged(syncs: Syncs, records: list[Row], window: Window, query: str) -> list[Any]:
    """Merge the records; return the rows of a query of the merge's own transaction."""
    landing, found = syncs.land(TRANSACTIONS, records, window), list[Any]()
    merge_landing(
        syncs.engine, landing, frozenset(window.days()), MergeOptions(TRANSFORM_VERSION, full_window=HISTORY),
        lambda: LandingReader(syncs.engine, landing, 1000),
        on_merged=lambda connection, _: found.extend(connection.execute(text(query))),
    )  # fmt: skip
    return found


def leave_out_of_statistics(syncs: Syncs) -> None:
    """Make the planner believe that the tenant has no reject: another one had them all when they were analyzed."""
    syncs.execute("update inn8.rejected_records set tenant_id = 'other'")
    syncs.execute("analyze inn8.rejected_records")
    syncs.execute("update inn8.rejected_records set tenant_id = 't1'")


def test_a_portfolio_of_an_unknown_client_is_rejected_with_its_reason_and_payload(syncs: Syncs) -> None:
    sent = portfolio(name="Ünïcode \U0001f4b6", remark={"kept": [1, 2.50]})
    syncs.clients([client()])
    result = syncs.portfolios([*many(portfolio, 5), sent | {"clientId": "C-9"}, portfolio(id="P-2")])
    reject = syncs.reject()
    assert result.counts == Counts(fetched=7, inserted=6, rejected=1)
    assert (reject["external_id"], reject["reason_code"]) == ("P-1", "unknown_parent")
    assert reject["reason"] == "clientId names no known client"
    assert reject["payload"] == sent | {"clientId": "C-9"}


def test_an_orphan_s_payload_is_taken_from_its_own_page(syncs: Syncs) -> None:
    records = many(portfolio, 25)
    landing = syncs.land(PORTFOLIOS, records, page_size=4)
    syncs.merge(landing)
    assert [row["payload"] for row in syncs.rejects()] == records


def test_a_portfolio_whose_client_comes_one_sync_later_is_inserted_by_the_next_sync(syncs: Syncs) -> None:
    syncs.portfolios([portfolio()])
    syncs.clients([client()])
    result = syncs.portfolios([portfolio()])
    assert result.counts == Counts(fetched=1, inserted=1)
    assert not result.is_repeat
    healed = syncs.reject(is_open=False)
    assert healed["resolution"] == "healed"
    assert result.status is Status.SUCCESS


def test_orphans_that_stay_orphans_are_not_written_by_an_unchanged_sync(owned: Syncs) -> None:
    sent = [transaction(id=f"T-{number}", portfolioId=f"P-{number % 3 + 7}") for number in range(300)]
    first = owned.transactions(sent)
    before = owned.versions()
    again = owned.transactions(sent)
    assert again.is_repeat
    assert owned.versions() == before
    assert (again.counts, again.open_rejects, again.status) == (first.counts, 300, first.status)
    owned.portfolios([portfolio(), portfolio(id="P-1000")])
    assert owned.transactions(sent).is_repeat
    # A portfolio that they wait for, and then rejects as they were stored before the id of the parent was.
    owned.portfolios([portfolio(), portfolio(id="P-1000"), portfolio(id="P-8")])
    assert owned.transactions(sent).counts == Counts(fetched=300, inserted=100, rejected=200)
    owned.execute("update inn8.rejected_records set unknown_parent_id = null")
    results = [owned.transactions(sent) for _ in range(2)]
    assert [result.is_repeat for result in results] == [False, True]
    assert {reject["unknown_parent_id"] for reject in owned.rejects()} == {"P-7", "P-9"}


def test_an_orphan_outside_the_window_is_tried_again_from_its_kept_payload(syncs: Syncs) -> None:
    syncs.transactions([transaction()], october(5))
    syncs.with_parents()
    result = syncs.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(8))
    assert result.counts == Counts(fetched=1, retried=1, inserted=2)
    assert syncs.ids("transactions") == ["T-1", "T-2"]
    assert syncs.row("transactions", "T-1")["as_of_at"] == syncs.reject(is_open=False)["as_of_at"]
    assert syncs.reject(is_open=False)["resolution"] == "healed"


def test_more_orphans_than_one_chunk_are_all_tried_again(syncs: Syncs) -> None:
    syncs.transactions([transaction(id=f"T-{number}") for number in range(2500)], october(5))
    syncs.with_parents()
    result = syncs.transactions([transaction(id="T-x", tradeDate="2026-10-08")], october(8))
    assert result.counts == Counts(fetched=1, retried=2500, inserted=2501)
    assert syncs.query("select count(*) as rows from inn8.transactions where record_digest is null") == [{"rows": 0}]
    assert syncs.rejects() == []


def test_a_retried_reject_with_the_same_result_is_not_written_and_one_that_is_sent_again_is(owned: Syncs) -> None:
    owned.transactions([transaction(fees="x")], october(5))
    first = owned.reject()
    result = owned.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(8))
    again = owned.reject()
    assert result.counts == Counts(fetched=1, retried=1, inserted=1, rejected=1)
    assert again == first
    owned.execute("update inn8.rejected_records set reason = 'of other rules'")
    owned.transactions([transaction(id="T-3", tradeDate="2026-10-08")], october(8))
    assert (owned.reject()["reason"], owned.reject()["attempts"]) == (first["reason"], 2)
    for kept in ("as_of_at", "landing_id", "covers_from", "covers_to", "first_seen_at", "last_seen_at", "payload"):
        assert owned.reject()[kept] == first[kept]
    owned.transactions([transaction(fees="x"), transaction(id="T-4")], october(5))
    assert owned.reject()["attempts"] == 3
    assert owned.reject()["last_seen_at"] > first["last_seen_at"]


def test_a_sync_that_finds_a_change_writes_no_reject_that_still_waits_for_its_parent(syncs: Syncs) -> None:
    syncs.clients([client()])
    syncs.portfolios([portfolio()])
    syncs.transactions(many(transaction, 50, portfolioId="P-9"), october(5))
    before = syncs.versions()["rejected_records"]
    result = syncs.transactions([transaction(tradeDate="2026-10-08")], october(8))
    assert result.counts == Counts(fetched=1, retried=50, inserted=1, rejected=50)
    assert syncs.versions()["rejected_records"] == before


def test_a_merge_reads_twice_as_many_rows_for_twice_as_many_orphans(syncs: Syncs) -> None:
    sent, retried = [], []
    for count in (1000, 2000):
        syncs.execute("delete from inn8.rejected_records")
        sent += merged(syncs, many(transaction, count), october(5), STAGED_ROWS_READ)
        leave_out_of_statistics(syncs)
        one = transaction(id=f"T-{count}", tradeDate="2026-10-08")
        retried += merged(syncs, [one], october(8), STAGED_ROWS_READ)
    for (once,), (twice,) in (sent, retried):
        assert 1000 < twice < 3 * once


def test_the_planner_knows_how_many_orphans_are_staged_before_they_are_joined(syncs: Syncs) -> None:
    sent = dict(merged(syncs, many(transaction, 50), october(5), PLANNED_ROWS))
    assert sent == {"staged": 50, "staged_rejects": 50, "exclusions": 50}
    retried = dict(merged(syncs, [transaction(id="T-99", tradeDate="2026-10-08")], october(8), PLANNED_ROWS))
    assert retried == {"staged": 51, "staged_rejects": 51, "exclusions": 51}


def test_a_reject_is_healed_by_a_valid_record_and_opened_again_by_an_invalid_one(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1)])
    first = syncs.reject()
    syncs.clients([client(fullName=2)])
    second = syncs.reject()
    assert second["id"] == first["id"]
    assert second["last_seen_at"] > first["last_seen_at"] == second["first_seen_at"]
    assert second["payload"]["fullName"] == 2
    syncs.clients([client()])
    assert syncs.reject(is_open=False)["resolution"] == "healed"
    assert syncs.rejects() == []


def test_a_reject_that_is_no_longer_sent_is_withdrawn(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    result = syncs.clients([client()])
    assert syncs.reject(is_open=False)["resolution"] == "withdrawn"
    assert result.status is Status.SUCCESS


def test_a_reject_is_not_withdrawn_by_a_window_that_does_not_cover_it(owned: Syncs) -> None:
    owned.transactions([transaction(fees="x")], october(5))
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(6, 8))
    assert owned.reject()["external_id"] == "T-1"
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(5, 8))
    assert owned.reject(is_open=False)["resolution"] == "withdrawn"


def test_a_reject_without_a_readable_day_is_withdrawn_only_by_a_landing_of_its_whole_window(owned: Syncs) -> None:
    sound = transaction(id="T-2", tradeDate="2026-10-08")
    owned.transactions([transaction(tradeDate="soon"), sound], october(5, 8))
    assert (owned.reject()["covers_from"].day, owned.reject()["covers_to"].day) == (5, 8)
    owned.transactions([sound], october(6, 10))
    assert owned.reject()["trade_date"] is None
    owned.transactions([sound], october(5, 10))
    assert owned.reject(is_open=False)["resolution"] == "withdrawn"


def test_the_rejects_of_a_day_that_is_empty_now_are_withdrawn(owned: Syncs) -> None:
    owned.transactions([transaction(fees="x"), transaction(id="T-2", portfolioId="P-9")], october(5))
    owned.transactions([], october(6))
    assert len(owned.rejects()) == 2
    result = owned.transactions([], october(5))
    assert (result.status, result.open_rejects, owned.rejects()) == (Status.NO_DATA, 0, [])
    assert {each["resolution"] for each in owned.rejects(is_open=False)} == {"withdrawn"}


def test_the_rejects_of_a_collection_that_is_empty_now_are_withdrawn(syncs: Syncs) -> None:
    syncs.portfolios([portfolio(), portfolio(id="P-2", name=7)])
    assert (syncs.portfolios([]).open_rejects, syncs.rejects()) == (0, [])


def test_the_rejects_of_an_empty_day_are_withdrawn_though_an_earlier_release_left_them_open(owned: Syncs) -> None:
    owned.transactions([transaction(fees="x")], october(5))
    owned.transactions([], october(5))
    owned.execute("update inn8.rejected_records set resolved_at = null, resolution = null")
    assert owned.transactions([], october(5)).open_rejects == 0


def test_an_empty_answer_for_a_day_with_rows_withdraws_its_rejects_only_when_it_is_proven(owned: Syncs) -> None:
    sound, invalid, other = transaction(), transaction(id="T-2", fees="x"), transaction(id="T-3")
    owned.transactions([sound, invalid], october(5))
    owned.transactions([other | {"tradeDate": "2026-10-08"}], october(8))
    assert owned.transactions([], october(5)).open_rejects == 1
    owned.transactions([other | {"tradeDate": "2026-10-08"}], october(8))
    result = owned.transactions([], october(5))
    assert (result.missing, result.open_rejects) == (1, 0)


def test_an_operator_who_believes_an_empty_answer_withdraws_the_rejects_too(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", fees="x")], october(5))
    result = owned.transactions([], october(5), removal_limit=RemovalLimit(is_overridden=True))
    assert (result.missing, result.open_rejects) == (1, 0)


def test_an_empty_answer_withdraws_no_reject_of_a_collection_that_has_rows(syncs: Syncs) -> None:
    """It is not believed: the rows stay as they are too."""
    syncs.clients([client(), client(id="C-2", fullName=1)])
    assert syncs.clients([]).open_rejects == 1


def test_a_landing_with_accepted_duplicates_withdraws_no_reject_that_it_would_know(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    syncs.merge(syncs.land(CLIENTS, [client(), client()], has_duplicates=True))
    assert syncs.reject()["external_id"] == "C-2"


def test_a_reject_without_an_id_is_known_by_its_payload(syncs: Syncs) -> None:
    syncs.clients([client(), without(client(), "id")])
    first = syncs.reject()
    assert first["record_key"].startswith("sha256:")
    syncs.clients([client(fullName="changed"), without(client(), "id")])
    assert syncs.reject()["id"] == first["id"]


def test_a_reject_without_an_id_that_newer_rules_can_read_is_healed(owned: Syncs) -> None:
    owned.transactions([transaction(fees="x")], october(5))
    owned.execute(
        "update inn8.rejected_records set record_key = 'sha256:00', external_id = null, payload = cast(:sound as json)",
        sound=body(transaction())[1:-1].decode(),
    )
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(8))
    assert owned.reject(is_open=False)["resolution"] == "healed"
    assert owned.ids("transactions") == ["T-1", "T-2"]


def test_a_reject_keeps_its_key_when_newer_rules_read_its_id_but_still_reject_it(owned: Syncs) -> None:
    owned.transactions([transaction(fees="x")], october(5))
    owned.execute("update inn8.rejected_records set record_key = 'sha256:00', external_id = null, reason = 'other'")
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(8))
    assert (owned.reject()["record_key"], owned.reject()["attempts"]) == ("sha256:00", 2)


def test_a_kept_payload_never_overwrites_a_row_of_a_newer_landing(owned: Syncs) -> None:
    owned.transactions([transaction(portfolioId="P-2", description="kept payload")], october(5))
    owned.execute(
        "insert into inn8.transactions (tenant_id, external_id, portfolio_id, transaction_type, trade_date, as_of_at,"
        " description) select tenant_id, 'T-1', id, 'buy', date '2026-10-07', now(), 'newer' from inn8.portfolios"
    )
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    result = owned.transactions([transaction(id="T-2", tradeDate="2026-10-08")], october(8))
    assert result.counts == Counts(fetched=1, retried=1, inserted=1, skipped=1)
    assert owned.row("transactions", "T-1")["description"] == "newer"
    assert owned.reject(is_open=False)["resolution"] == "superseded"


def test_a_row_keeps_its_last_valid_version_while_its_newest_record_is_invalid(syncs: Syncs) -> None:
    syncs.clients([client()])
    result = syncs.clients([client(fullName=None)])
    assert result.counts == Counts(fetched=1, rejected=1)
    assert (result.missing, syncs.row("clients", "C-1")["name"]) == (0, "Thandi Nkosi")


@pytest.mark.parametrize("is_changed", [False, True])
def test_an_accepted_reject_changes_no_status_until_its_record_changes(syncs: Syncs, is_changed: bool) -> None:  # noqa: FBT001
    invalid = client(id="C-2", fullName=1)
    syncs.clients([client(), invalid])
    assert rejects.accept(syncs.engine, TENANT, [syncs.reject()["id"]], "known since 2019")
    result = syncs.clients([client(status="suspended"), invalid | {"status": "inactive" if is_changed else "active"}])
    assert result.counts == Counts(fetched=2, updated=1, rejected=1)
    assert result.status is (Status.PARTIAL_SUCCESS if is_changed else Status.SUCCESS)
    assert syncs.reject()["accepted_note"] == (None if is_changed else "known since 2019")


def test_texts_that_postgres_cannot_hold_are_rejects_with_their_payload(syncs: Syncs) -> None:
    page = body(client(), client(id="C-2", fullName="NUL"), client(id="C-3", fullName="HALF"))
    page = page.replace(b"NUL", rb"\u0000").replace(b"HALF", rb"\ud800")
    result = syncs.clients([Verbatim(page, 3)])
    assert result.counts == Counts(fetched=3, inserted=1, rejected=2)
    payloads = syncs.query("select payload::text as text from inn8.rejected_records order by record_key")
    assert [rb"\u0000".decode() in payloads[0]["text"], rb"\ud800".decode() in payloads[1]["text"]] == [True, True]


def test_a_record_that_is_nested_too_deeply_is_rejected_by_each_sync_and_stops_no_other(syncs: Syncs) -> None:
    deep = client(id="C-2", x="DEEP")
    for number, others in enumerate(([client()], [client(), client(id="C-3")]), 1):
        page = body(deep, *others).replace(b'"DEEP"', b"[" * 2000 + b"]" * 2000)
        with syncs.writer(CLIENTS) as writer:
            writer.add(page, 1 + number)
            landing = writer.complete(retries=0, has_duplicates=False)
        assert syncs.merge(landing).counts == Counts(fetched=1 + number, inserted=1, unchanged=number - 1, rejected=1)
        open_now = syncs.query("select reason_code, reason from inn8.rejected_records where resolved_at is null")
        assert open_now == [
            {"reason_code": "out_of_range", "reason": "the record is nested too deeply to be read"},
        ]
    assert syncs.clients([client(), client(id="C-3")]).open_rejects == 0


def test_a_reason_names_the_field_and_never_its_value(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", emailAddress={"secret": "value"})])
    reason = syncs.reject()["reason"]
    assert "emailAddress" in reason
    assert "secret" not in reason
    assert "value" not in reason
