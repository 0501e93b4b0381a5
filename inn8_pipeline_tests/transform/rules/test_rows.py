"""The row that each valid record becomes: the rules of the contract, line by line."""

import json

import pandas as pd
import pyarrow as pa
import pytest

from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.transform.batch import FURTHER_VALUES, MAX_DISTINCT_VALUES, MAX_SUBJECTS, UnlistedValues, join
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.transform.builders import (
    VALID,
    Record,
    client,
    portfolio,
    read,
    records_of,
    row,
    rows,
    security,
    transaction,
    without,
)

TEXT, DAY, DECIMAL, ORDINAL = pa.string(), pa.date32(), pa.decimal128(38, 10), pa.int64()
COLUMNS = {
    CLIENTS: {
        "ordinal": ORDINAL, "external_id": TEXT, "name": TEXT, "email": TEXT, "phone": TEXT, "address": TEXT,
        "status": TEXT,
    },
    PORTFOLIOS: {
        "ordinal": ORDINAL, "external_id": TEXT, "client_external_id": TEXT, "name": TEXT, "account_number": TEXT,
        "account_type": TEXT, "status": TEXT,
    },
    TRANSACTIONS: {
        "ordinal": ORDINAL, "external_id": TEXT, "portfolio_external_id": TEXT, "security_external_id": TEXT,
        "transaction_type": TEXT, "trade_date": DAY, "settlement_date": DAY, "quantity": DECIMAL, "price": DECIMAL,
        "amount": DECIMAL, "fees": DECIMAL, "currency": TEXT, "description": TEXT,
    },
}  # fmt: skip
SECURITIES = {
    "external_id": TEXT, "symbol": TEXT, "name": TEXT, "isin": TEXT, "security_type": TEXT, "currency": TEXT,
    "trade_date": DAY, "ordinal": ORDINAL,
}  # fmt: skip


def types_of(frame: pd.DataFrame) -> dict[str, pa.DataType]:
    return {name: dtype.pyarrow_dtype for name, dtype in frame.dtypes.items()}


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_have_their_names_types_and_order_however_many_rows_there_are(entity: Entity, count: int) -> None:
    batch = read(entity, *(VALID[entity](id=str(number)) for number in range(count)))
    assert list(types_of(batch.rows).items()) == list(COLUMNS[entity].items())
    assert len(batch.rows) == count


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_columns_are_the_same_when_no_record_has_an_optional_property(entity: Entity) -> None:
    required = {"id", "fullName", "clientId", "name", "portfolioId", "tradeDate"}
    record = {name: value for name, value in VALID[entity]().items() if name in required}
    batch = read(entity, record)
    assert list(types_of(batch.rows).items()) == list(COLUMNS[entity].items())
    if entity is TRANSACTIONS:
        assert list(types_of(batch.dimensions["securities"]).items()) == list(SECURITIES.items())


def test_a_client_becomes_a_row() -> None:
    assert row(read(CLIENTS, client())) == {
        "ordinal": 0,
        "external_id": "C-1",
        "name": "Thandi Nkosi",
        "email": "thandi@example.com",
        "phone": "(082) 555-0134",
        "address": "1 Long Street, Cape Town, WC 8001",
        "status": "active",
    }


def test_a_portfolio_becomes_a_row() -> None:
    assert row(read(PORTFOLIOS, portfolio())) == {
        "ordinal": 0,
        "external_id": "P-1",
        "client_external_id": "C-1",
        "name": "Retirement",
        "account_number": "000123",
        "account_type": "living_annuity",
        "status": "active",
    }


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_ordinals_continue_from_the_first_one(entity: Entity) -> None:
    batch = Transformer(entity).page(b"[1," + b"%s]" % _json(VALID[entity]()), first_ordinal=4000)
    assert [each.ordinal for each in batch.rejects] == [4000]
    assert [each["ordinal"] for each in rows(batch)] == [4001]


def _json(record: Record) -> bytes:
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0825550134", "(082) 555-0134"),
        ("082-555 (01) 34", "(082) 555-0134"),
        ("tel. 0825550134 h", "(082) 555-0134"),
        ("+27825550134", "+27825550134"),
        ("555 0134", "555 0134"),
        (" 555 0134 ", " 555 0134 "),
        ("none", "none"),
        ("٠٨٢٥٥٥٠١٣٤", "٠٨٢٥٥٥٠١٣٤"),
        ("", ""),
        ("  \t", ""),
        ("\u00a0", ""),
        (None, ""),
    ],
)
def test_a_phone_number_of_ten_digits_is_formatted_and_any_other_is_kept_as_sent(sent: str | None, kept: str) -> None:
    assert row(read(CLIENTS, client(phoneNumber=sent)))["phone"] == kept
    assert rows(read(CLIENTS, client(phoneNumber=sent), client(), client(phoneNumber=None)))[0]["phone"] == kept


@pytest.mark.parametrize(
    ("missing", "kept"),
    [
        ((), "1 Long Street, Cape Town, WC 8001"),
        (("street",), "Cape Town, WC 8001"),
        (("city",), "1 Long Street, WC 8001"),
        (("state",), "1 Long Street, Cape Town, 8001"),
        (("zipCode",), "1 Long Street, Cape Town, WC"),
        (("state", "zipCode"), "1 Long Street, Cape Town"),
        (("street", "city"), "WC 8001"),
        (("city", "state"), "1 Long Street, 8001"),
        (("street", "city", "state"), "8001"),
        (("street", "city", "zipCode"), "WC"),
        (("city", "state", "zipCode"), "1 Long Street"),
        (("street", "state", "zipCode"), "Cape Town"),
        (("street", "city", "state", "zipCode"), ""),
    ],
)
@pytest.mark.parametrize("blank", [None, "", "  ", "absent"])
def test_an_address_is_joined_without_what_is_missing(missing: tuple[str, ...], kept: str, blank: str | None) -> None:
    address = client()["address"]
    address = without(address, *missing) if blank == "absent" else address | dict.fromkeys(missing, blank)
    assert row(read(CLIENTS, client(address=address)))["address"] == kept


def test_no_address_becomes_the_empty_string() -> None:
    batch = read(CLIENTS, client(address=None), without(client(), "address"), client(address={}), client())
    assert [each["address"] for each in rows(batch)] == ["", "", "", "1 Long Street, Cape Town, WC 8001"]


def test_blanks_around_the_parts_of_an_address_are_left_out() -> None:
    address = {"street": " 1  Long Street ", "city": "Cape Town\n", "state": " ", "zipCode": "8001"}
    assert row(read(CLIENTS, client(address=address)))["address"] == "1  Long Street, Cape Town, 8001"


@pytest.mark.parametrize(("sent", "kept"), [(None, None), ("", ""), (" A@B.example ", " A@B.example ")])
def test_an_email_address_is_kept_as_sent(sent: str | None, kept: str | None) -> None:
    assert row(read(CLIENTS, client(emailAddress=sent)))["email"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("active", "active"), ("ACTIVE", "active"), ("Inactive", "inactive"), (" suspended ", "suspended"),
     ("closed", "unknown"), ("in active", "unknown"), ("", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_a_clients_status_is_one_of_three_in_any_case_or_unknown(sent: str | None, kept: str) -> None:
    assert row(read(CLIENTS, client(status=sent)))["status"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("retirement_annuity", "retirement_annuity"), ("Retirement Annuity", "retirement_annuity"),
     ("RETIREMENT-ANNUITY", "retirement_annuity"), ("RetirementAnnuity", "retirement_annuity"),
     (" Tax - Free ", "tax_free"), ("Joint", "joint"), ("offshore", "unknown"), ("", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_of_an_account_type_spaces_hyphens_and_case_do_not_matter(sent: str | None, kept: str) -> None:
    assert row(read(PORTFOLIOS, portfolio(type=sent)))["account_type"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"), [("Pending", "pending"), ("closed", "closed"), ("inactive", "unknown"), (None, "unknown")]
)
def test_a_portfolios_status_is_one_of_four_or_unknown(sent: str | None, kept: str) -> None:
    assert row(read(PORTFOLIOS, portfolio(status=sent)))["status"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("buy", "buy"), ("SwitchIn", "switch_in"), ("transfer out", "transfer_out"), ("gift", "unknown"),
     (None, "unknown")],
)  # fmt: skip
def test_a_transactions_type_is_read_as_an_account_type_is(sent: str | None, kept: str) -> None:
    assert row(read(TRANSACTIONS, transaction(type=sent)))["transaction_type"] == kept


def test_unlisted_values_are_counted_and_nulls_are_not() -> None:
    sent = ["offshore", "offshore", None, "joint", "Offshore", "x" * 65]
    batch = read(PORTFOLIOS, *(portfolio(type=each, status="frozen") for each in sent))
    assert {name: values.counts for name, values in batch.unknown_values.items()} == {
        "type": {"offshore": 2, "Offshore": 1, "(longer than 64 characters)": 1},
        "status": {"frozen": 6},
    }
    assert read(CLIENTS, client()).unknown_values == {"status": UnlistedValues()}


def test_an_unlisted_value_is_counted_with_the_parents_of_its_records_or_with_the_records() -> None:
    portfolios = read(PORTFOLIOS, *(portfolio(clientId=each, status="frozen") for each in ("C-1", "C-2", "C-1")))
    assert portfolios.unknown_values["status"].subjects == {"frozen": {"C-1", "C-2"}}
    trades = read(TRANSACTIONS, transaction(type="gift"), transaction(portfolioId="P-2"))
    assert trades.unknown_values["type"].subjects == {"gift": {"P-1"}}
    clients = read(CLIENTS, client(status="x"), client(id="C-2", status="x"), client(id="C-2", status="y"))
    assert clients.unknown_values["status"].subjects == {"x": {"C-1", "C-2"}, "y": {"C-2"}}


def test_the_memory_of_unlisted_values_is_bounded() -> None:
    sent = [client(id=f"C-{number}", status=f"s{number}") for number in range(MAX_DISTINCT_VALUES + 5)]
    same = [client(id=f"D-{number}", status="s0") for number in range(MAX_SUBJECTS + 5)]
    found = join([read(CLIENTS, *sent), read(CLIENTS, *same)]).unknown_values["status"]
    assert (len(found.counts), found.counts[FURTHER_VALUES]) == (MAX_DISTINCT_VALUES + 1, 5)
    assert (found.counts["s0"], len(found.subjects["s0"])) == (MAX_SUBJECTS + 6, MAX_SUBJECTS)


def test_a_cash_movement_has_no_security() -> None:
    batch = read(TRANSACTIONS, transaction(security=None))
    assert row(batch)["security_external_id"] is None
    assert len(batch.dimensions["securities"]) == 0


def test_a_security_is_taken_from_its_newest_trade_date_then_from_the_highest_ordinal() -> None:
    named = [("2026-10-02", "second"), ("2026-10-03", "third"), ("2026-10-03", "third again"), ("2026-10-01", "first")]
    sent = [transaction(tradeDate=day, security=security(name=name)) for day, name in named]
    batch = read(TRANSACTIONS, *sent, transaction(security=security(id="S-2", symbol=None)))
    first, second = records_of(batch.dimensions["securities"])
    assert (first["external_id"], first["name"], str(first["trade_date"]), first["ordinal"]) == (
        "S-1", "third again", "2026-10-03", 2,
    )  # fmt: skip
    assert (second["external_id"], second["symbol"], second["security_type"], second["ordinal"]) == (
        "S-2", None, "unit_trust", 4,
    )  # fmt: skip


def test_only_transactions_bring_securities() -> None:
    assert not read(CLIENTS, client()).dimensions
    assert not read(PORTFOLIOS, portfolio()).dimensions


@pytest.mark.parametrize(
    "name",
    ["🦁 Ngũgĩ", "عبد الله", "e\u0301 is not é", " \t\n", "", "a" * 2_000_000, "\ufeff\u200b\U0010ffff"],
    ids=range(7),
)
def test_text_of_any_length_and_script_arrives_exactly(name: str) -> None:
    assert row(read(CLIENTS, client(fullName=name)))["name"] == name


def test_ids_are_compared_and_kept_exactly() -> None:
    sent = ["a", "A", " a", "é" * 255, "007"]
    assert [each["external_id"] for each in rows(read(CLIENTS, *(client(id=each) for each in sent)))] == sent
