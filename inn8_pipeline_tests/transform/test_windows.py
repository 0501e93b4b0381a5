"""Windows: a record outside the requested days, valid or not, is counted as skipped, and becomes no row or reject."""

from datetime import date

import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity, Window
from inn8_pipeline.transform.batch import UnlistedValues
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.transform.builders import body, read, records_of, rows, security, transaction

OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31)).__contains__


def test_records_outside_the_window_are_skipped_and_counted() -> None:
    days = ["2026-09-30", "2026-10-01", "2026-10-31T23:59:59Z", "2026-11-01", "2026-10-15"]
    batch = read(TRANSACTIONS, *(transaction(tradeDate=day) for day in days), is_inside=OCTOBER)
    assert [(each["ordinal"], each["trade_date"].day) for each in rows(batch)] == [(1, 1), (2, 31), (4, 15)]
    assert (batch.skipped, batch.rejects) == (2, ())


def test_an_invalid_record_with_a_readable_date_outside_the_window_is_skipped() -> None:
    batch = read(
        TRANSACTIONS,
        transaction(tradeDate="2026-09-30", amount="x"),
        transaction(tradeDate="2026-10-02", amount="x"),
        transaction(tradeDate="soon", amount="x"),
        transaction(tradeDate="2026-09-29"),
        transaction(),
        is_inside=OCTOBER,
    )
    assert [(each.ordinal, each.trade_date) for each in batch.rejects] == [(1, date(2026, 10, 2)), (2, None)]
    assert [each["ordinal"] for each in rows(batch)] == [4]
    assert batch.skipped == 2


def test_days_within_the_window_may_be_excluded() -> None:
    stale = {date(2026, 10, 5)}
    batch = read(
        TRANSACTIONS,
        transaction(),
        transaction(tradeDate="2026-10-06"),
        is_inside=lambda day: OCTOBER(day) and day not in stale,
    )
    assert [each["ordinal"] for each in rows(batch)] == [1]
    assert batch.skipped == 1


def test_a_page_outside_the_window_has_no_rows_and_no_securities() -> None:
    batch = read(TRANSACTIONS, transaction(), transaction(), is_inside=lambda _: False)
    assert (len(batch.rows), batch.skipped, len(batch.dimensions["securities"])) == (0, 2, 0)
    assert batch.unknown_values == {"type": UnlistedValues()}


def test_securities_and_unknown_values_are_those_of_the_rows_inside() -> None:
    outside = transaction(tradeDate="2026-11-02", type="gift", security=security(name="New name"))
    batch = read(TRANSACTIONS, transaction(), outside, is_inside=OCTOBER)
    assert [each["name"] for each in records_of(batch.dimensions["securities"])] == ["Balanced Fund"]
    assert batch.unknown_values == {"type": UnlistedValues()}


@pytest.mark.parametrize("entity", [CLIENTS, PORTFOLIOS])
def test_only_transactions_have_windows(entity: Entity) -> None:
    batch = Transformer(entity, is_inside=lambda _: False).page(body({"id": "x", "tradeDate": "2026-10-05"}), 0)
    assert (batch.skipped, len(batch.rejects)) == (0, 1)
