"""One record: its row, its related rows, what INN8 sent, its rejects and its history."""

import json
from datetime import timedelta

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.warehouse.queries import records, tables
from inn8_pipeline.warehouse.queries.records import Record
from inn8_pipeline_tests.transform.builders import body, client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, Verbatim, october


def read(syncs: Syncs, entity: Entity, external_id: str) -> Record:
    with tables.reading(syncs.engine, "testing") as connection:
        return records.read(connection, TENANT, entity, external_id)


def test_a_client_is_shown_with_its_portfolios_and_what_inn8_sent(owned: Syncs) -> None:
    found = read(owned, CLIENTS, "C-1")
    assert found.row is not None
    assert found.row["name"] == "Thandi Nkosi"
    assert [each["external_id"] for each in found.related["portfolios"]] == ["P-1"]
    assert [json.loads(each["record"]) for each in found.sent] == [client()]
    assert "Thandi" not in repr(found)


def test_a_portfolio_is_shown_with_its_transactions_by_month(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2")])
    (month,) = read(owned, PORTFOLIOS, "P-1").related["transactions by month"]
    assert (month["month"], month["transactions"]) == ("2026-10", 2)


def test_a_transaction_is_shown_with_its_portfolio_and_what_was_sent_for_its_day(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", tradeDate="2026-10-07")])
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-07", description="later")], october(7))
    found = read(owned, TRANSACTIONS, "T-2")
    assert [each["client_external_id"] for each in found.related["portfolio"]] == ["C-1"]
    assert [json.loads(each["record"])["description"] for each in found.sent] == ["later"]


def test_a_row_is_read_as_it_was_at_an_instant(syncs: Syncs) -> None:
    first = syncs.land(CLIENTS, [client(fullName="old")])
    syncs.merge(first)
    second = syncs.land(CLIENTS, [client(fullName="new")])
    syncs.merge(second)
    instants = (first.started_at - timedelta(seconds=1), first.started_at, second.started_at)
    with tables.reading(syncs.engine, "testing") as connection:
        rows = [records.read_as_of(connection, TENANT, CLIENTS, "C-1", instant) for instant in instants]
    assert [row and row["name"] for row in rows] == [None, "old", "new"]


def test_an_id_that_the_page_holds_as_escapes_is_found(syncs: Syncs) -> None:
    page = body(client(id="Cé-1"), client(id="ASCII")).replace("é".encode(), rb"\u00e9").replace(b"ASCII", rb"\u0041")
    syncs.clients([Verbatim(page, 2)])
    for external_id in ("Cé-1", "A"):
        found = read(syncs, CLIENTS, external_id)
        assert (len(found.sent), len(found.history)) == (1, 1)


def test_a_record_that_was_always_rejected_is_found_by_its_id(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1)])
    found = read(syncs, CLIENTS, "C-1")
    assert (found.row, found.is_known) == (None, True)
    assert [each["reason_code"] for each in found.rejects] == ["wrong_type"]
    assert not read(syncs, CLIENTS, "C-9").is_known


def test_the_history_lists_each_version_newest_first_with_its_first_and_last_fetch(syncs: Syncs) -> None:
    landings = [
        syncs.land(CLIENTS, [client(fullName=name), client(id=f"C-{number}")])
        for number, name in enumerate(("old", "old", "new", 7, "new"), start=2)
    ]
    for landing in landings[:-1]:
        syncs.merge(landing)
    history = read(syncs, CLIENTS, "C-1").history
    versions = [
        (json.loads(each["record"])["fullName"], each["first_fetched_at"], each["last_fetched_at"]) for each in history
    ]
    at = [landing.started_at for landing in landings]
    assert versions == [("new", at[2], at[4]), (7, at[3], at[3]), ("old", at[0], at[1])]
    statuses = [(each["first_status"], each["last_status"], each["fetches"]) for each in history]
    assert statuses == [
        ("Success", "not merged", 2),
        ("PartialSuccess", "PartialSuccess", 1),
        ("Success", "Success", 2),
    ]
    assert {each["last_run_id"] for each in history} == {"run"}


def test_a_fetch_that_repeats_another_has_its_status_in_the_history(syncs: Syncs) -> None:
    syncs.clients([client()])
    landing = syncs.land(CLIENTS, [client()])
    assert syncs.merge(landing).is_repeat
    (version,) = read(syncs, CLIENTS, "C-1").history
    assert (version["last_fetched_at"], version["last_status"]) == (landing.started_at, "Success")


def test_the_history_of_a_client_does_not_show_a_portfolio_of_the_same_id(owned: Syncs) -> None:
    owned.clients([client(), client(id="P-1", fullName="a client")])
    (version,) = read(owned, CLIENTS, "P-1").history
    assert json.loads(version["record"])["fullName"] == "a client"
