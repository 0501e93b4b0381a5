"""The views that readers have: their columns in order, each with its sentence; most are the dictionary's of a table.

Here belongs what a view means. What makes it is the migrations; a test holds the two against each other.
"""

from dataclasses import dataclass, field

from inn8_pipeline.dictionary import COLUMNS, describe


@dataclass(frozen=True, slots=True)
class View:
    """A view: what a row is, and its columns. `own` has the sentences of those that `table` does not explain."""

    name: str
    comment: str
    table: str
    names: str
    own: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """Name to sentence, in order."""
        return {name: self.own.get(name) or describe(self.table, name) for name in self.names.split()}


_PRESENCE = "missing_since removed_at created_at updated_at last_synced_at"
_SYNCED = {
    "last_synced_at": "Start of the last fetch that confirmed the row; stands still while missing, removed or refused."
}
_RECORD = {
    "landing_id": "The landing that holds the record.",
    "as_of_at": COLUMNS["landings"]["as_of_at"],
    "page": "The page's place in the landing, from 1.",
    "place": "The record's place on its page, from 1.",
    "record": "The record, exactly as INN8 sent it.",
}

VIEWS = (
    View(
        "inn8.client_details",
        "A row is a client, with when it was last confirmed.",
        "clients",
        f"tenant_id id external_id name email phone address status {_PRESENCE}",
        _SYNCED,
    ),
    View(
        "inn8.portfolio_details",
        "A row is a portfolio with its client; left out while an open reject says that it went to an unknown one.",
        "portfolios",
        "tenant_id id external_id client_id client_external_id client_name name account_number account_type status "
        + _PRESENCE,
        {"client_external_id": "The client's id at INN8.", "client_name": "The client's full name.", **_SYNCED},
    ),
    View(
        "inn8.transaction_details",
        "A row is a transaction with its portfolio and its security.",
        "transactions",
        "tenant_id id external_id portfolio_id portfolio_external_id client_id security_id security_external_id "
        "security_symbol security_name security_isin transaction_type trade_date settlement_date quantity price amount "
        f"fees currency description {_PRESENCE}",
        {
            "portfolio_external_id": "The portfolio's id at INN8.",
            "client_id": COLUMNS["portfolios"]["client_id"],
            "security_external_id": "The security's id at INN8; null for cash movements.",
            **{f"security_{name}": COLUMNS["securities"][name] for name in ("symbol", "name", "isin")},
            **_SYNCED,
        },
    ),
    View(
        "inn8.sync_state",
        "A row is a day of trade, or without one a whole collection, and what it was merged from last.",
        "sync_coverage",
        "tenant_id entity trade_date landing_id status record_count merged_at last_synced_at proven_at",
        {
            **{name: COLUMNS["landings"][name] for name in ("status", "record_count", "merged_at")},
            "last_synced_at": "Start of the last fetch that brought the landing's pages.",
            "proven_at": "The same, where absence from the landing counts as a proof of removal; else null.",
        },
    ),
    View(
        "inn8.open_rejects",
        "A row is a record that is refused now, and why; without the record itself.",
        "rejected_records",
        "tenant_id id entity external_id trade_date reason_code reason landing_id attempts first_seen_at last_seen_at "
        "accepted_at accepted_note",
    ),
    *(
        View(
            f"inn8_raw.{entity}",
            f"A row is a record of {entity} as INN8 sent it, in the landing merged last.",
            "landings",
            "tenant_id landing_id as_of_at page place record",
            _RECORD,
        )
        for entity in ("clients", "portfolios")
    ),
    View(
        "inn8_raw.transactions",
        "A row is a record of transactions as INN8 sent it, in the landing merged last for its day.",
        "transactions",
        "tenant_id landing_id as_of_at page place trade_date record",
        _RECORD,
    ),
)
