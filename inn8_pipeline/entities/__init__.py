"""What each entity of INN8 is: its path, its properties, its enumerations. The contract of the API, in one place.

Here belong facts about INN8's answers and the two values that the rooms hand to each other (`Window`, `Reject`). How a
property is read is `transform`'s, where it is kept `warehouse`'s. Nothing here does I/O.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum, StrEnum


class Entity(StrEnum):
    """An entity type: one collection of INN8's, one job, one sync log. In the order in which they depend."""

    CLIENTS = "clients"
    PORTFOLIOS = "portfolios"
    TRANSACTIONS = "transactions"


class Kind(Enum):
    """How a property is read."""

    ID = "id"  # a string, exactly as it came; never trimmed; no number in its place
    TEXT = "text"
    CHOICE = "choice"  # one of `choices`; anything else becomes "unknown"
    DATE = "date"  # YYYY-MM-DD; of an ISO date-time the date part as written
    DECIMAL = "decimal"  # JSON number or numeric string; 28 significant digits, 10 after the point
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a record as INN8 spells it (`name`), matched without regard to case."""

    name: str
    kind: Kind
    is_required: bool = False
    choices: tuple[str, ...] = ()
    properties: tuple["Property", ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """Where an entity is fetched, and what its records look like."""

    entity: Entity
    path: str
    properties: tuple[Property, ...]
    window_parameters: tuple[str, str] | None = None


UNKNOWN = "unknown"
"""What a choice becomes that is not listed, null too."""

MAX_ID_LENGTH = 255
"""Characters of an id: ours, so that every id fits into an index entry of Postgres (2,704 bytes)."""

MAX_DIGITS = 28
MAX_DECIMAL_PLACES = 10
"""Of a decimal: significant digits, and those after the point; trailing zeros after the point not counted."""

PAGE_SIZE = 1000
"""Records we ask for per page (`pageSize`); a server that ignores it is fine."""

CLIENTS = Collection(
    Entity.CLIENTS,
    "/clients",
    (
        Property("id", Kind.ID, is_required=True),
        Property("fullName", Kind.TEXT, is_required=True),
        Property("emailAddress", Kind.TEXT),
        Property("phoneNumber", Kind.TEXT),
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
        Property("status", Kind.CHOICE, choices=("active", "inactive", "suspended")),
    ),
)

PORTFOLIOS = Collection(
    Entity.PORTFOLIOS,
    "/portfolios",
    (
        Property("id", Kind.ID, is_required=True),
        Property("clientId", Kind.ID, is_required=True),
        Property("name", Kind.TEXT, is_required=True),
        Property("accountNumber", Kind.TEXT),
        Property(
            "type",
            Kind.CHOICE,
            choices=(
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
        ),
        Property("status", Kind.CHOICE, choices=("active", "pending", "suspended", "closed")),
    ),
)

TRANSACTIONS = Collection(
    Entity.TRANSACTIONS,
    "/transactions",
    (
        Property("id", Kind.ID, is_required=True),
        Property("portfolioId", Kind.ID, is_required=True),
        Property(
            "type",
            Kind.CHOICE,
            choices=(
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
        ),
        Property(
            "security",
            Kind.OBJECT,
            properties=(
                Property("id", Kind.ID, is_required=True),
                Property("symbol", Kind.TEXT),
                Property("name", Kind.TEXT),
                Property("isin", Kind.TEXT),
                Property("type", Kind.TEXT),
                Property("currency", Kind.TEXT),
            ),
        ),
        Property("tradeDate", Kind.DATE, is_required=True),
        Property("settlementDate", Kind.DATE),
        Property("quantity", Kind.DECIMAL),
        Property("price", Kind.DECIMAL),
        Property("amount", Kind.DECIMAL),
        Property("fees", Kind.DECIMAL),
        Property("currency", Kind.TEXT),
        Property("description", Kind.TEXT),
    ),
    window_parameters=("fromDate", "toDate"),
)

COLLECTIONS: dict[Entity, Collection] = {each.entity: each for each in (CLIENTS, PORTFOLIOS, TRANSACTIONS)}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Days of trade, both inclusive."""

    from_date: date
    to_date: date

    def __contains__(self, day: date) -> bool:
        """Whether the day lies in the window."""
        return self.from_date <= day <= self.to_date

    def days(self) -> Iterator[date]:
        """Each day, in order."""
        for offset in range((self.to_date - self.from_date).days + 1):
            yield self.from_date + timedelta(days=offset)

    def __str__(self) -> str:
        """`2026-10-01 to 2026-10-31`, or the one day."""
        if self.from_date == self.to_date:
            return self.from_date.isoformat()
        return f"{self.from_date} to {self.to_date}"


class ReasonCode(StrEnum):
    """Why a record was refused."""

    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    INVALID_TEXT = "invalid_text"  # a NUL character or a lone surrogate: Postgres cannot hold it
    UNKNOWN_PARENT = "unknown_parent"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot become a row, and why.

    `ordinal` is its position in the landing (negative: an open reject tried again). `reason` names the field, never its
    value. `external_id` and `trade_date` are None where they cannot be read. `payload` is the record's JSON as it came.
    """

    ordinal: int
    reason_code: ReasonCode
    reason: str
    payload: bytes = field(repr=False)
    external_id: str | None = field(default=None, repr=False)
    trade_date: date | None = None
