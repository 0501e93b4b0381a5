"""The views: joined rows, when each row was last confirmed, and the records that INN8 sent."""

from datetime import datetime

import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline_tests.transform.builders import body, client, portfolio, security, transaction
from inn8_pipeline_tests.warehouse.syncs import Syncs, Verbatim, october


def synced(syncs: Syncs, external_id: str, view: str = "client_details") -> datetime:
    (row,) = syncs.query(f"select last_synced_at from inn8.{view} where external_id = :id", id=external_id)
    found: datetime = row["last_synced_at"]
    return found


def test_last_synced_at_follows_syncs_that_write_nothing(syncs: Syncs) -> None:
    syncs.clients([client()])
    first = synced(syncs, "C-1")
    landing = syncs.land(CLIENTS, [client()])
    assert syncs.merge(landing).is_repeat
    assert synced(syncs, "C-1") == landing.started_at > first
    landing = syncs.land(CLIENTS, [client(), client(id="C-2")])
    syncs.merge(landing)
    assert synced(syncs, "C-1") == landing.started_at


def test_last_synced_at_stands_still_while_a_row_is_missing_or_removed(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    held = synced(syncs, "C-2")
    for _ in range(3):
        syncs.clients([client()])
        assert synced(syncs, "C-2") == held


def test_last_synced_at_stands_still_while_a_reject_is_open(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    syncs.clients([client(), client(id="C-2")])
    held = synced(syncs, "C-2")
    for number in range(2):
        syncs.clients([client(fullName=f"{number}"), client(id="C-2", fullName=number)])
        assert synced(syncs, "C-2") == held
    syncs.clients([client(), client(id="C-2")])
    assert synced(syncs, "C-2") == synced(syncs, "C-1") > held


def test_last_synced_at_of_a_transaction_is_that_of_its_day(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", tradeDate="2026-10-07")])
    held = synced(owned, "T-1", "transaction_details")
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-07")], october(7))
    assert synced(owned, "T-1", "transaction_details") == held < synced(owned, "T-2", "transaction_details")


def test_a_portfolio_that_went_to_an_unknown_client_is_not_shown_to_the_old_one(owned: Syncs) -> None:
    owned.transactions([transaction()])
    shown = "select client_external_id from inn8.portfolio_details"
    booked = "select external_id from inn8.transaction_details"
    assert owned.query(shown) == [{"client_external_id": "C-1"}]
    assert owned.query(booked) == [{"external_id": "T-1"}]
    owned.portfolios([portfolio(clientId="C-2")])
    assert owned.query(shown) == []
    assert owned.query(booked) == []
    owned.clients([client(), client(id="C-2")])
    owned.portfolios([portfolio(clientId="C-2")])
    assert owned.query(shown) == [{"client_external_id": "C-2"}]
    assert owned.query(booked) == [{"external_id": "T-1"}]


SHOWN = "select client_external_id from inn8.portfolio_details"
BOOKED = "select external_id from inn8.transaction_details"


MOVED: dict[str, dict[str, object]] = {
    "to a known client": {"clientId": "C-2", "name": 7},
    "to an unknown client": {"clientId": "C-9", "name": 7},
    "to null": {"clientId": None},
    "to nothing": {"clientId": ""},
    "to a number": {"clientId": 1},
    "to nobody, spelled otherwise": {"clientId": "C-1", "CLIENTID": "C-2", "name": 7},
}


@pytest.mark.parametrize("name", MOVED)
def test_an_invalid_portfolio_that_does_not_name_its_client_is_not_shown_to_it(owned: Syncs, name: str) -> None:
    owned.clients([client(), client(id="C-2")])
    owned.transactions([transaction()])
    owned.portfolios([portfolio(**MOVED[name])])
    assert (owned.query(SHOWN), owned.query(BOOKED)) == ([], [])
    owned.portfolios([portfolio()])
    assert owned.query(SHOWN) == [{"client_external_id": "C-1"}]
    assert owned.query(BOOKED) == [{"external_id": "T-1"}]


def test_an_invalid_portfolio_that_names_its_client_stays_shown_as_it_was_last_valid(owned: Syncs) -> None:
    held = synced(owned, "P-1", "portfolio_details")
    for number in range(2):
        owned.portfolios([portfolio(name=number)])
        assert synced(owned, "P-1", "portfolio_details") == held


def test_a_hidden_portfolio_is_shown_when_an_invalid_record_names_its_client_again(owned: Syncs) -> None:
    owned.clients([client(), client(id="C-2")])
    owned.portfolios([portfolio(clientId="C-2", name=7)])
    assert owned.query(SHOWN) == []
    owned.portfolios([portfolio(name=7)])
    assert owned.query(SHOWN) == [{"client_external_id": "C-1"}]


def test_a_hidden_portfolio_stays_hidden_when_its_reject_is_withdrawn_until_a_valid_record_comes(owned: Syncs) -> None:
    owned.transactions([transaction()])
    owned.portfolios([portfolio(clientId="C-9"), portfolio(id="P-2")])
    for _ in range(3):
        owned.portfolios([portfolio(id="P-2")])
        assert owned.query(f"{SHOWN} where external_id = 'P-1'") == []
        assert owned.query(BOOKED) == []
    assert owned.reject(is_open=False)["resolution"] == "withdrawn"
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    assert owned.query(f"{SHOWN} where external_id = 'P-1'") == [{"client_external_id": "C-1"}]
    assert owned.query(BOOKED) == [{"external_id": "T-1"}]


@pytest.mark.parametrize("portfolio_id", ["P-2", "P-9", None, "", 7])
def test_an_invalid_transaction_that_does_not_name_its_portfolio_is_not_shown(
    owned: Syncs, portfolio_id: object
) -> None:
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    owned.transactions([transaction()])
    owned.transactions([transaction(portfolioId=portfolio_id, amount="about"), transaction(id="T-2")])
    assert owned.query(BOOKED) == [{"external_id": "T-2"}]
    owned.transactions([transaction(id="T-2")])
    assert owned.query(BOOKED) == [{"external_id": "T-2"}]
    owned.transactions([transaction(portfolioId="P-2"), transaction(id="T-2")])
    assert len(owned.query(BOOKED)) == 2


def test_a_late_valid_record_does_not_show_a_row_that_a_newer_invalid_one_has_hidden(owned: Syncs) -> None:
    late = owned.land(PORTFOLIOS, [portfolio(accountNumber="late")])
    owned.portfolios([portfolio(clientId="C-9", name=7)])
    owned.merge(late)
    assert owned.query(SHOWN) == []


def test_a_late_valid_record_does_not_show_a_row_whose_newer_invalid_record_was_withdrawn(owned: Syncs) -> None:
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    owned.transactions([transaction()], october(5))
    moved = {"portfolioId": "P-2", "amount": "about"}
    owned.transactions([transaction(**moved)], october(5))
    late = owned.land(TRANSACTIONS, [transaction()], october(5))
    other = transaction(id="T-2", tradeDate="2026-10-06")
    owned.transactions([transaction(**moved, tradeDate="2026-10-06"), other], october(6))
    owned.transactions([other], october(6))
    assert owned.reject(is_open=False)["resolution"] == "withdrawn"
    owned.merge(late)
    assert owned.query(BOOKED) == [{"external_id": "T-2"}]


def test_a_valid_record_before_an_invalid_one_of_the_same_fetch_does_not_show_a_hidden_row(owned: Syncs) -> None:
    wrong = portfolio(clientId="C-9", name=7)
    owned.portfolios([wrong])
    before = owned.versions()["portfolios"]
    owned.portfolios([portfolio(), wrong])
    assert owned.query(SHOWN) == []
    assert owned.versions()["portfolios"] == before
    owned.portfolios([wrong, portfolio()])
    assert owned.query(SHOWN) == []


def test_a_sync_that_finds_a_hidden_row_as_it_was_does_not_write_the_row(owned: Syncs) -> None:
    owned.portfolios([portfolio(clientId="C-9", name=7)])
    before = owned.versions()["portfolios"]
    owned.portfolios([portfolio(clientId="C-9", name=8)])
    assert owned.versions()["portfolios"] == before


def test_the_details_of_a_transaction_are_joined(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", security=None)])
    rows = owned.query("select * from inn8.transaction_details order by external_id")
    assert [row["portfolio_external_id"] for row in rows] == ["P-1", "P-1"]
    assert [row["security_symbol"] for row in rows] == ["AGBF", None]


def test_the_records_that_inn8_sent_can_be_queried_in_sql(owned: Syncs) -> None:
    owned.clients([client(fullName="older")])
    sent = [client(newProperty={"kept": "from its first day"}), client(id="C-2", fullName=None)]
    owned.clients(sent)
    assert [row["record"] for row in owned.query("select record from inn8_raw.clients order by place")] == sent


def test_of_transactions_each_day_shows_the_landing_merged_last_for_it(owned: Syncs) -> None:
    owned.transactions([transaction(description="a"), transaction(id="T-2", tradeDate="2026-10-07T23:00:00Z")])
    owned.transactions([transaction(description="b")], october(5))
    rows = owned.query("select trade_date, record from inn8_raw.transactions order by trade_date")
    assert [(row["trade_date"].day, row["record"]["id"]) for row in rows] == [(5, "T-1"), (7, "T-2")]
    assert rows[0]["record"]["description"] == "b"


def test_a_record_that_postgres_cannot_read_does_not_make_the_view_fail(owned: Syncs) -> None:
    page = body(transaction(), 7, [], None, {"KEY": 1}, transaction(id="T-2", description="\U0001f600", TRADEDATE="x"))
    page = page.replace(b"KEY", rb"\ud800").replace(b'"x"', rb'"2026-10-0\u0037"')
    owned.transactions([Verbatim(page, 6)])
    rows = owned.query("select place, trade_date from inn8_raw.transactions order by place")
    assert [(row["place"], row["trade_date"].day) for row in rows] == [(1, 5), (6, 7)]


def test_a_security_named_twice_on_a_day_is_one_row(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", security=security(name="later on the page"))])
    assert [row["name"] for row in owned.rows("securities")] == ["later on the page"]
