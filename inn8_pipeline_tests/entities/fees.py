"""A collection that the package does not know: fees of portfolios, by day of trade."""

from inn8_pipeline.entities import PORTFOLIOS, Entity, Folding, Kind, Property, Reference
from inn8_pipeline.entities.columns import choice, day_of_trade, decimal

FEES = Entity(
    name="fees",
    singular="fee",
    path="/fees",
    description="A row is a fee that a portfolio was charged.",
    window_parameters=("fromDate", "toDate"),
    columns=(
        Reference(
            "portfolio_id",
            Property("portfolioId", Kind.ID, is_required=True),
            PORTFOLIOS,
            "The portfolio that was charged (portfolios.id).",
            shown=("client_id",),
        ),
        choice("fee_type", "type", ("advice", "platform", "performance"), Folding.LETTERS),
        day_of_trade("Day on which the fee was charged."),
        decimal("amount", "Amount of the fee without tax, exact."),
        decimal("tax", "Tax on the fee, exact."),
    ),
)
