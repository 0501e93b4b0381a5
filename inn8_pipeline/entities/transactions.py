"""The declarations of transactions, each of a portfolio and a day of trade, and of the securities that they name."""

from inn8_pipeline.entities.columns import choice, date, day_of_trade, decimal, text
from inn8_pipeline.entities.portfolios import PORTFOLIOS
from inn8_pipeline.entities.types import (
    Dimension,
    DimensionReference,
    Entity,
    Folding,
    Kind,
    Property,
    Reference,
)

SECURITIES = Dimension(
    name="securities",
    source="security",
    description="A row is a security that a transaction named, with the attributes of the newest trade date seen.",
    columns=(
        text("symbol", "symbol", "Ticker symbol, as sent."),
        text("name", "name", "Name, as sent."),
        text("isin", "isin", "International Securities Identification Number, as sent."),
        text("security_type", "type", "Type, as sent: INN8 publishes no list of them."),
        text("currency", "currency", "Currency the security is quoted in, as sent."),
    ),
)

TRANSACTIONS = Entity(
    name="transactions",
    singular="transaction",
    path="/transactions",
    description="A row is a transaction of a portfolio, as INN8 last sent it. Amounts are exact.",
    window_parameters=("fromDate", "toDate"),
    columns=(
        Reference(
            "portfolio_id",
            Property("portfolioId", Kind.ID, is_required=True),
            PORTFOLIOS,
            "The portfolio the transaction belongs to (portfolios.id).",
            shown=("client_id",),
        ),
        DimensionReference(
            "security_id",
            SECURITIES,
            "The security traded (securities.id); null for cash movements.",
            shown=("symbol", "name", "isin"),
        ),
        choice(
            "transaction_type",
            "type",
            (
                "buy",
                "sell",
                "switch_in",
                "switch_out",
                "deposit",
                "withdrawal",
                "dividend",
                "interest",
                "fee",
                "tax",
                "transfer_in",
                "transfer_out",
            ),
            Folding.LETTERS,
        ),
        day_of_trade("Day of trade; the partition the transaction belongs to."),
        date("settlement_date", "settlementDate", "Day of settlement; null if INN8 sent none."),
        decimal("quantity", "Units traded, exact."),
        decimal("price", "Price of a unit in the currency of the transaction, exact."),
        decimal("amount", "Amount of the transaction in its currency, exact."),
        decimal("fees", "Fees in the currency of the transaction, exact."),
        text("currency", "currency", "ISO 4217 code of amount, price and fees, as sent."),
        text("description", "description", "Free text, as sent.", is_personal=True),
    ),
)
