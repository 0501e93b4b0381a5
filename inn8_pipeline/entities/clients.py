"""The declaration of clients, who own portfolios."""

from inn8_pipeline.entities.columns import choice, formatted, text
from inn8_pipeline.entities.types import Entity, Format, Kind, Property

CLIENTS = Entity(
    name="clients",
    singular="client",
    path="/clients",
    description="A row is a client of the tenant, as INN8 last sent it.",
    columns=(
        text("name", "fullName", "Full name, as sent.", is_required=True, is_personal=True),
        text("email", "emailAddress", "Mail address, as sent; null if INN8 sent none.", is_personal=True),
        formatted(
            "phone",
            Property("phoneNumber", Kind.TEXT),
            Format.PHONE,
            "Ten digits as (XXX) XXX-XXXX; anything else as sent; empty if INN8 sent none.",
        ),
        formatted(
            "address",
            Property(
                "address",
                Kind.OBJECT,
                properties=(
                    Property("street", Kind.TEXT),
                    Property("city", Kind.TEXT),
                    Property("state", Kind.TEXT),
                    Property("zipCode", Kind.TEXT),
                ),
            ),
            Format.ADDRESS,
            "Street, city, state and zip code in one line; empty if INN8 sent none.",
        ),
        choice("status", "status", ("active", "inactive", "suspended")),
    ),
)
