"""The generated records are valid, exact and always the same, and changes do what they say."""

import json
import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from inn8_pipeline.sandbox.errors import InvalidWorldError, NonFiniteNumberError, UnknownRecordError
from inn8_pipeline.sandbox.world.transactions import isin
from inn8_pipeline.sandbox.world.world import ABSENT, COLLECTIONS, Collection, World
from inn8_pipeline_tests.sandbox.conftest import LAST_DATE

CENT = Decimal("0.01")


SMALL = {"clients": 25, "portfolios": 40, "transactions": 300, "days": 10, "last_date": LAST_DATE}


def small(**changed: int | date) -> World:
    return World(**(SMALL | changed))  # type: ignore[arg-type]


def by_id(world: World, collection: Collection) -> dict[str, Any]:
    return {record["id"]: record for record in world.records(collection)}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_same_seed_generates_the_same_records_and_another_seed_others(collection: Collection) -> None:
    assert small().records(collection) == small().records(collection)
    assert small().records(collection) != small(seed=8).records(collection)


def test_another_seed_spreads_transactions_over_other_portfolios() -> None:
    owners = [[record["portfolioId"] for record in small(seed=seed).records("transactions")[:9]] for seed in (7, 8)]
    assert owners[0] != owners[1]


def test_a_later_last_date_adds_a_day_and_changes_no_other_day() -> None:
    first_date = LAST_DATE - timedelta(days=9)
    today = small(first_date=first_date, last_date=LAST_DATE - timedelta(days=1))
    tomorrow = small(first_date=first_date)
    added = tomorrow.records("transactions")[len(today.records("transactions")) :]
    assert tomorrow.records("transactions")[: -len(added)] == today.records("transactions")
    assert added
    assert {record["tradeDate"] for record in added} == {"2026-10-30"}


def test_a_day_of_trade_does_not_depend_on_the_number_of_days() -> None:
    longer = small(transactions=600, days=20)
    assert longer.records("transactions", LAST_DATE, LAST_DATE) == small().records("transactions", LAST_DATE, LAST_DATE)


def test_a_larger_world_starts_with_the_clients_of_a_smaller_one() -> None:
    assert small(clients=50, portfolios=60).records("clients")[:25] == small().records("clients")


def test_a_world_without_a_last_date_ends_today() -> None:
    world = World(clients=1, portfolios=1, transactions=10, days=3)
    days = world.days("transactions")
    assert days[-1] == world.last_date
    assert len(days) in {3, 4}  # 4 if midnight passed meanwhile


def test_there_are_about_as_many_transactions_as_requested_and_few_at_weekends() -> None:
    world = World(clients=10, portfolios=10, transactions=9_100, days=91, last_date=LAST_DATE)
    assert world.count("transactions") == len(world.records("transactions")) == pytest.approx(9_100, rel=0.05)
    weekend = [world.count("transactions", day, day) for day in world.days("transactions") if day.weekday() >= 5]
    assert sum(weekend) < 0.02 * 9_100


def test_a_weekend_may_have_as_many_transactions_as_other_days() -> None:
    world = World(clients=10, portfolios=10, transactions=9_100, days=91, last_date=LAST_DATE, weekend_share=1.0)
    assert all(75 <= world.count("transactions", day, day) <= 125 for day in world.days("transactions"))


def test_every_generated_record_is_valid() -> None:
    world = small()
    clients, portfolios = by_id(world, "clients"), by_id(world, "portfolios")
    transactions = by_id(world, "transactions")
    assert (len(clients), len(portfolios), len(transactions)) == (25, 40, world.count("transactions"))
    assert all(record["fullName"] for record in clients.values())
    assert {record["clientId"] for record in portfolios.values()} == clients.keys()
    assert {record["portfolioId"] for record in transactions.values()} <= portfolios.keys()
    mails = [record.get("emailAddress") for record in World(clients=500).records("clients")]
    assert all(re.fullmatch(r"[a-z.\-]+\d+@example\.(com|org|net)", mail) for mail in mails if mail)


def test_phone_numbers_have_many_forms() -> None:
    phones = [record.get("phoneNumber") for record in World(clients=500).records("clients")]
    digits = {len(re.sub(r"\D", "", phone)) for phone in phones if phone is not None}
    assert {0, 7, 10, 11, 13} <= digits
    assert {None, "", "  "} <= set(phones)


def test_amounts_are_quantity_times_price_to_the_cent() -> None:
    trades = [record for record in small(transactions=3000).records("transactions") if record["security"]]
    for trade in trades:
        exact = trade["quantity"] * trade["price"]
        assert trade["amount"] == exact.quantize(CENT, ROUND_HALF_UP)
        assert trade["amount"].as_tuple().exponent == -2
    assert {0, -4, -5, -6} == {trade["quantity"].as_tuple().exponent for trade in trades}


def test_cash_movements_have_no_security_and_trades_settle_three_working_days_later() -> None:
    records = small().records("transactions", date(2026, 10, 29), date(2026, 10, 29))
    assert {record["settlementDate"] for record in records} == {"2026-11-03"}
    assert {record["quantity"] is None for record in records if record["security"] is None} == {True}


def test_isins_have_valid_check_digits() -> None:
    assert isin("US", "037833100") == "US0378331005"
    assert isin("ZA", "E00001522") == "ZAE000015228"
    codes = {record["security"]["isin"] for record in small().records("transactions") if record["security"]}
    assert all(isin(code[:2], code[2:-1]) == code for code in codes)


def test_both_ends_of_a_window_are_inclusive() -> None:
    first, last = date(2026, 10, 27), date(2026, 10, 28)
    records = small().records("transactions", first, last)
    assert {record["tradeDate"] for record in records} == {"2026-10-27", "2026-10-28"}
    assert len(records) == small().count("transactions", first, last)


def test_invalid_records_are_added_only_on_request() -> None:
    valid, mixed = small(), small(invalid=5)
    for collection in COLLECTIONS:
        assert mixed.count(collection) == valid.count(collection) + 5
    assert [record["id"] for record in mixed.records("clients") if record["fullName"] is None] == [
        "CL-X00001",
        "CL-X00004",
    ]
    assert Decimal("100.123456789012") in [record["amount"] for record in mixed.records("transactions")]


def test_put_replaces_the_record_with_the_same_id(world: World) -> None:
    first = world.records("clients")[0]
    world.put("clients", first | {"fullName": "Another Name"})
    assert world.count("clients") == 25
    assert world.records("clients")[0] == first | {"fullName": "Another Name"}


def test_put_moves_a_transaction_to_its_new_trade_date(world: World) -> None:
    moved = world.records("transactions", LAST_DATE, LAST_DATE)[0] | {"tradeDate": "2026-09-01"}
    before = world.count("transactions")
    world.put("transactions", moved)
    assert world.records("transactions", date(2026, 9, 1), date(2026, 9, 1)) == [moved]
    assert world.count("transactions") == before


def test_removed_corrupted_and_duplicated_records_are_served_as_such(world: World) -> None:
    world.remove("clients", "CL-000001")
    world.corrupt("clients", "CL-000002", fullName=ABSENT, status=Decimal("1.50"))
    world.duplicate("clients", "CL-000003")
    records = world.records("clients")
    assert "CL-000001" not in {record["id"] for record in records}
    assert "fullName" not in records[0]
    assert '"status":1.50' in world.body("clients", world.days("clients"), 0, 1).decode()
    assert records[-1] == records[1]
    with pytest.raises(UnknownRecordError, match="CL-000001"):
        world.remove("clients", "CL-000001")


def test_a_corrupted_trade_date_stays_on_its_day(world: World) -> None:
    first = world.records("transactions", LAST_DATE, LAST_DATE)[0]
    world.corrupt("transactions", first["id"], tradeDate="2026-13-45")
    assert world.records("transactions", LAST_DATE, LAST_DATE)[0] == first | {"tradeDate": "2026-13-45"}


def test_raw_text_is_served_verbatim(world: World) -> None:
    world.put_raw("portfolios", '{"id":"A","id":"B","n":1e400}')
    assert world.body("portfolios", world.days("portfolios"), 40, 41) == b'[{"id":"A","id":"B","n":1e400}]'


def test_change_fraction_changes_one_text_and_another_salt_chooses_other_records() -> None:
    changed = {}
    for salt in ("a", "b"):
        world, before = small(transactions=3000), by_id(small(transactions=3000), "transactions")
        count = world.change_fraction("transactions", 0.1, salt)
        after = by_id(world, "transactions")
        changed[salt] = {key for key in after if after[key] != before[key]}
        assert count == len(changed[salt]) == pytest.approx(300, rel=0.3)
        assert all(after[key] == before[key] | {"description": after[key]["description"]} for key in after)
    assert changed["a"] != changed["b"]


def test_reordering_keeps_every_record(world: World) -> None:
    before = world.records("clients")
    world.reorder("clients", "salt")
    after = world.records("clients")
    assert before != after
    assert sorted(before, key=json_of) == sorted(after, key=json_of)


def json_of(record: object) -> str:
    return json.dumps(record, default=str, sort_keys=True)


def test_texts_of_every_script_are_served_as_they_were_put(world: World) -> None:
    name = 'Zoë "Q" \\ Ωμ 山田 \U0001f600 \u202e abc\u0000\n \ud800'
    world.corrupt("clients", "CL-000001", fullName=name, amounts=[Decimal("0.10"), 1.5, True, None, {"a": 1}])
    record = world.records("clients")[0]
    assert record["fullName"] == name
    assert record["amounts"] == [Decimal("0.10"), Decimal("1.5"), True, None, {"a": 1}]


def test_impossible_worlds_and_numbers_are_refused() -> None:
    with pytest.raises(InvalidWorldError):
        World(clients=0, portfolios=1)
    with pytest.raises(NonFiniteNumberError):
        small().put("clients", {"id": "A", "fullName": Decimal("NaN")})
