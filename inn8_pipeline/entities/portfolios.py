"""The declaration of portfolios, the accounts of a client."""

from inn8_pipeline.entities.clients import CLIENTS
from inn8_pipeline.entities.columns import choice, text
from inn8_pipeline.entities.types import Entity, Folding, Kind, Property, Reference

PORTFOLIOS = Entity(
    name="portfolios",
    singular="portfolio",
    path="/portfolios",
    description="A row is a portfolio (an account) of a client, as INN8 last sent it.",
    columns=(
        Reference(
            "client_id",
            Property("clientId", Kind.ID, is_required=True),
            CLIENTS,
            "The client that owns the portfolio (clients.id).",
            shown=("name",),
        ),
        text("name", "name", "Name of the portfolio, as sent.", is_required=True),
        text("account_number", "accountNumber", "Account number, as sent; null if INN8 sent none.", is_personal=True),
        choice(
            "account_type",
            "type",
            (
                "individual",
                "joint",
                "trust",
                "company",
                "retirement_annuity",
                "preservation_fund",
                "living_annuity",
                "endowment",
                "tax_free",
            ),
            Folding.LETTERS,
        ),
        choice("status", "status", ("active", "pending", "suspended", "closed")),
    ),
)
