"""Dates and decimals in the notations that a contract names: exact, or rejected with a reason that fits."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import DATE_NOTATIONS, DECIMAL_NOTATIONS, ENTITIES, NOTATIONS_OF_INSTANTS, TRANSACTIONS
from inn8_pipeline.sandbox.api.notations import in_notation
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.contract.test_rows import transformed
from inn8_pipeline_tests.transform import builders

DAY = date(2026, 10, 5)
ZONE = "Africa/Johannesburg"


def batch_of(contract: str, *values: object, name: str = "settlementDate") -> Any:  # noqa: ANN401 (a batch)
    text = f"[collections.transactions.properties]\n{name} = {contract}"
    sent = [builders.transaction(id=str(number)) | {name: value} for number, value in enumerate(values)]
    return transformed(TRANSACTIONS, text, *sent)


@pytest.mark.parametrize("beside", [None, "nonsense"])
@pytest.mark.parametrize(
    ("notation", "sent"),
    [
        ("dd/MM/yyyy", "05/10/2026"),
        ("MM/dd/yyyy", "10/05/2026"),
        ("yyyy/MM/dd", "2026/10/05"),
        ("dd.MM.yyyy", "05.10.2026"),
        ("dd-MM-yyyy", "05-10-2026"),
        ("yyyyMMdd", "20261005"),
        ("yyyyMMdd", 2026_10_05),
        ("instant", "2026-10-04T22:00:00Z"),
        ("instant", "2026-10-05T03:30:00.1234567+05:30"),
        ("instant", "2026-10-05"),
        ("epoch_seconds", 1791151200),
        ("epoch_seconds", "1791151200"),
        ("epoch_seconds", 1791151200.5),
        ("epoch_milliseconds", 1791151200000),
        ("/Date(ms)/", "/Date(1791151200000)/"),
        ("/Date(ms)/", "/Date(1791151200000+0200)/"),
    ],
    ids=repr,
)
def test_a_date_is_read_in_its_notation_fast_and_record_by_record(
    notation: str, sent: object, beside: str | None
) -> None:
    zone = f", time_zone = '{ZONE}'" if notation in NOTATIONS_OF_INSTANTS else ""
    batch = batch_of(f"{{ notation = '{notation}'{zone} }}", sent, beside)
    assert next(iter(batch.rows["settlement_date"])) == DAY
    assert [each.reason for each in batch.rejects] == (
        [f"settlementDate is not a date in the notation {notation} of the contract"] if beside else []
    )


def test_each_notation_of_the_sandbox_is_read_back() -> None:
    for name in DATE_NOTATIONS:
        zone = (
            f", time_zone = '{ZONE}'"
            if name in {"instant", "epoch_seconds", "epoch_milliseconds", "/Date(ms)/"}
            else ""
        )
        batch = batch_of(f"{{ notation = '{name}'{zone} }}", in_notation(DAY.isoformat(), name, ZONE))
        assert list(batch.rows["settlement_date"]) == [DAY], name
    for name in DECIMAL_NOTATIONS:
        sent = in_notation(Decimal("-1234567.89"), name, ZONE)
        batch = batch_of(f"{{ notation = '{name}' }}", sent, name="amount")
        assert list(batch.rows["amount"]) == [Decimal("-1234567.89")], name


@pytest.mark.parametrize(
    ("notation", "sent", "reason"),
    [
        ("dd/MM/yyyy", "2026-10-05", "is not a date"),
        ("dd/MM/yyyy", "5/10/2026", "is not a date"),
        ("dd/MM/yyyy", "10/25/2026", "is no day of the calendar"),
        ("instant", "2026-10-05T00:00:00", "is not a date"),
        (
            "epoch_milliseconds",
            1791151200,
            "is no day of the calendar",
        ),
        ("epoch_seconds", 1791151200000, "is no day of the calendar"),
        ("epoch_seconds", 0, "is no day of the calendar"),
        ("epoch_seconds", True, "is not a date"),
    ],
)
def test_a_date_in_another_notation_or_unit_is_rejected(notation: str, sent: object, reason: str) -> None:
    batch = batch_of(f"{{ notation = '{notation}' }}", sent)
    assert [each.reason for each in batch.rejects] == [
        f"settlementDate {reason} in the notation {notation} of the contract"
    ]


@pytest.mark.parametrize(
    ("notation", "sent"),
    [("dd/MM/yyyy", "01/01/0001"), ("instant", "0001-01-01T00:00:00Z"), ("instant", "9999-12-31T23:59:59.9999999Z")],
)
def test_an_empty_date_is_empty_in_each_notation_and_reported(notation: str, sent: str) -> None:
    zone = ", time_zone = 'America/New_York'" if notation == "instant" else ""
    batch = batch_of(f"{{ notation = '{notation}'{zone} }}", sent, None)
    assert batch.rows["settlement_date"].isna().all()
    assert list(batch.unknown_values["settlementDate"].counts) == ["0001-01-01" if "0001" in sent else "9999-12-31"]


def test_the_day_of_trade_of_an_instant_decides_which_records_are_wanted() -> None:

    text = f"[collections.transactions.properties]\ntradeDate = {{ notation = 'instant', time_zone = '{ZONE}' }}"
    entity = parse(text, ENTITIES).of(TRANSACTIONS).as_sent(TRANSACTIONS)
    body = builders.body(
        builders.transaction(id="a", tradeDate="2026-10-04T22:00:00Z"),
        builders.transaction(id="b", tradeDate="2026-10-04T21:59:59Z"),
        builders.transaction(id="c", tradeDate="2026-10-04T22:00:00Z", amount="x"),
    )
    batch = Transformer(entity, lambda day: day == DAY).page(body, 0)
    assert list(batch.rows["external_id"]) == ["a"]
    assert (batch.skipped, [each.trade_date for each in batch.rejects]) == (1, [DAY])


@pytest.mark.parametrize(
    ("notation", "sent", "value"),
    [
        ("1.234,56", "1.234.567,89", "1234567.89"),
        ("1.234,56", "1.234", "1234"),
        ("1.234,56", "-1234,5", "-1234.5"),
        ("1.234,56", "1 234,50", "1234.5"),
        ("1.234,56", "1\u00a0234,50", "1234.5"),
        ("1.234,56", 1234.5, "1234.5"),
        ("1.234,56", 1234, "1234"),
        ("1,234.56", "1,234,567.89", "1234567.89"),
        ("1,234.56", "1'234.50", "1234.5"),
        ("1,234.56", "0.1234567891", "0.1234567891"),
    ],
)
@pytest.mark.parametrize("beside", [None, "about"])
def test_a_decimal_is_read_in_its_notation_fast_and_record_by_record(
    notation: str, sent: object, value: str, beside: str | None
) -> None:
    batch = batch_of(f"{{ notation = '{notation}' }}", sent, beside, name="amount")
    assert next(iter(batch.rows["amount"])) == Decimal(value)
    assert len(batch.rejects) == (1 if beside else 0)


@pytest.mark.parametrize(
    ("notation", "sent"),
    [
        ("1.234,56", "1,234.56"),
        ("1.234,56", "1.23"),
        ("1.234,56", "1.234 567"),
        ("1.234,56", "12.34.567"),
        ("1.234,56", ""),
        ("1.234,56", ","),
        ("1,234.56", "1.234,56"),
        ("1,234.56", "1,23"),
        ("1,234.56", "(1,234.56)"),
    ],
)
def test_a_decimal_that_the_notation_does_not_explain_is_rejected(notation: str, sent: str) -> None:
    batch = batch_of(f"{{ notation = '{notation}' }}", sent, name="amount")
    assert [each.reason for each in batch.rejects] == [
        f"amount is not a number in the notation {notation} of the contract"
    ]


def test_a_decimal_in_a_notation_is_never_rounded() -> None:
    batch = batch_of("{ notation = '1.234,56' }", "0,12345678901", name="amount")
    assert [each.reason for each in batch.rejects] == ["amount has more than 10 decimal places"]
