"""What the transform makes of transactions, and of the securities that ride on them.

Rows: ordinal, external_id, portfolio_external_id, security_external_id, transaction_type, trade_date,
settlement_date, quantity, price, amount, fees, currency, description; nullable but for ids, type and trade date.
Securities: external_id, symbol, name, isin, security_type, currency, trade_date, ordinal; one row for each id.
Whether the portfolio exists is the warehouse's question.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline.transform.batch import EntityRows
from inn8_pipeline.transform.columns import Records, date_column, frame, text_column
from inn8_pipeline.transform.json.reading import DateCache
from inn8_pipeline.transform.rules.enums import by_letters, choose, listed


def make_rows(records: Records, days: DateCache) -> EntityRows:
    """Return a row for each transaction. FaultyValueError or NotPlainError if records that were not checked are odd.

    The type is read as an account type is: `SwitchIn` and `switch in` are `switch_in`.
    """
    # First what can be odd: then a page that must be read again has cost little.
    quantity, price, amount, fees = map(records.decimal, ("quantity", "price", "amount", "fees"))
    settlement_dates = read_days(records, "settlementDate", days)
    transaction_type, unknown = choose(records.values("type"), listed(TRANSACTIONS, "type"), by_letters)
    trade_dates = read_days(records, "tradeDate", days)
    securities = records.values("security")
    rows = frame(
        {
            "ordinal": records.ordinal(),
            "external_id": records.text("id"),
            "portfolio_external_id": records.text("portfolioId"),
            "security_external_id": text_column([None if each is None else each.id for each in securities]),
            "transaction_type": transaction_type,
            "trade_date": date_column(trade_dates),
            "settlement_date": date_column(settlement_dates),
            "quantity": quantity,
            "price": price,
            "amount": amount,
            "fees": fees,
            "currency": records.text("currency"),
            "description": records.text("description"),
        }
    )
    return EntityRows(rows, {"type": unknown}, _newest_securities(securities, trade_dates, records.ordinals))


def read_days(records: Records, name: str, days: DateCache) -> list[Any]:
    """Return the day of each record, None where it has none."""
    return [None if text is None else days[text] for text in records.values(name)]


def _newest_securities(securities: Sequence[Any], trade_dates: Sequence[date], ordinals: Sequence[int]) -> pd.DataFrame:
    newest: dict[str, tuple[date, int, Any]] = {}
    for security, trade_date, ordinal in zip(securities, trade_dates, ordinals, strict=True):
        if security is None:
            continue
        best = newest.get(security.id)
        if best is None or (trade_date, ordinal) >= best[:2]:
            newest[security.id] = (trade_date, ordinal, security)
    chosen = Records([each[2] for each in newest.values()], [each[1] for each in newest.values()], are_checked=True)
    return frame(
        {
            "external_id": chosen.text("id"),
            "symbol": chosen.text("symbol"),
            "name": chosen.text("name"),
            "isin": chosen.text("isin"),
            "security_type": chosen.text("type"),
            "currency": chosen.text("currency"),
            "trade_date": date_column([each[0] for each in newest.values()]),
            "ordinal": chosen.ordinal(),
        }
    )
