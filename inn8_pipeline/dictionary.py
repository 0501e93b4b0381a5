"""What every table and column means: the one source of Postgres comments, of Dagster's column schemas and of the docs.

Here belong sentences, no types and no code: `warehouse.tables` gives the types. Nothing heavy is imported, because
Dagster's definitions read this at start-up.
"""

TECHNICAL: dict[str, str] = {
    "id": "Our own key, unique within the tenant; other tables refer to it.",
    "tenant_id": "The tenant whose data this is: the first column of every key.",
    "external_id": "INN8's id, exactly as sent; unique within the tenant.",
    "created_at": "When the row was first written (UTC).",
    "updated_at": "When the row last changed (UTC); a sync that finds it unchanged does not touch it.",
    "as_of_at": "Start of the fetch that this version comes from, or, while it is missing, of the last that held it.",
    "missing_since": "Start of the first fetch that lacked the row, a first proof of removal; null if present.",
    "removed_at": "When a second fetch, begun later, lacked the row too; null if present. It is revived on return.",
}

TABLES: dict[str, str] = {
    "clients": "A row is a client of the tenant, as INN8 last sent it.",
    "portfolios": "A row is a portfolio (an account) of a client, as INN8 last sent it.",
    "securities": "A row is a security that a transaction named, with the attributes of the newest trade date seen.",
    "transactions": "A row is a transaction of a portfolio, as INN8 last sent it. Amounts are exact.",
    "rejected_records": "A row is a record that INN8 sent and that could not become a row, with its reason.",
    "sync_coverage": "A row is a day of trade, or without one a whole collection, and the landing merged last for it.",
    "circuits": "A row is the circuit breaker of one collection or of the token endpoint, shared by all processes.",
    "unknown_properties": "A row is a property that INN8 sends and that no column is made from.",
    "tenant_readers": "A row is a login that may read a tenant's rows through the views (`inn8 db grant-reader`).",
    "landings": "A row is one fetch of an entity: when, what window, which pages. It counts once completed_at is set.",
    "pages": "A row is one page as INN8 sent it, verbatim, stored once however often it came.",
}

COLUMNS: dict[str, dict[str, str]] = {
    "clients": {
        "name": "Full name, as sent.",
        "email": "Mail address, as sent; null if INN8 sent none.",
        "phone": "Ten digits as (XXX) XXX-XXXX; anything else as sent; empty if INN8 sent none.",
        "address": "Street, city, state and zip code in one line; empty if INN8 sent none.",
        "status": "active, inactive, suspended; unknown if INN8 sent none of these.",
    },
    "portfolios": {
        "client_id": "The client that owns the portfolio (clients.id).",
        "name": "Name of the portfolio, as sent.",
        "account_number": "Account number, as sent; null if INN8 sent none.",
        "account_type": (
            "individual, joint, trust, company, retirement_annuity, preservation_fund, living_annuity, endowment, "
            "tax_free; unknown if INN8 sent none of these."
        ),
        "status": "active, pending, suspended, closed; unknown if INN8 sent none of these.",
    },
    "securities": {
        "symbol": "Ticker symbol, as sent.",
        "name": "Name, as sent.",
        "isin": "International Securities Identification Number, as sent.",
        "security_type": "Type, as sent: INN8 publishes no list of them.",
        "currency": "Currency the security is quoted in, as sent.",
        "as_of_date": "The newest trade date whose transaction gave these attributes; older days do not change them.",
    },
    "transactions": {
        "portfolio_id": "The portfolio the transaction belongs to (portfolios.id).",
        "security_id": "The security traded (securities.id); null for cash movements.",
        "transaction_type": (
            "buy, sell, switch_in, switch_out, deposit, withdrawal, dividend, interest, fee, tax, transfer_in, "
            "transfer_out; unknown if INN8 sent none of these."
        ),
        "trade_date": "Day of trade; the partition the transaction belongs to.",
        "settlement_date": "Day of settlement; null if INN8 sent none.",
        "quantity": "Units traded, exact.",
        "price": "Price of a unit in the currency of the transaction, exact.",
        "amount": "Amount of the transaction in its currency, exact.",
        "fees": "Fees in the currency of the transaction, exact.",
        "currency": "ISO 4217 code of amount, price and fees, as sent.",
        "description": "Free text, as sent.",
    },
    "rejected_records": {
        "entity": "clients, portfolios or transactions.",
        "record_key": "What the record is known by: its external_id, or sha256: and the digest of its payload.",
        "external_id": "INN8's id where it is readable.",
        "trade_date": "Day of trade of a transaction where it is readable.",
        "reason_code": "missing_field, wrong_type, out_of_range, invalid_text, not_an_object or unknown_parent.",
        "reason": "The field and what is wrong with it; never its value.",
        "payload": "The record, exactly as INN8 sent it.",
        "landing_id": "The landing that last brought it.",
        "as_of_at": "Start of the fetch that last brought it.",
        "covers_from": "First day of trade that a later fetch must cover for its absence to mean anything.",
        "covers_to": "Last such day.",
        "row_as_of_at": "Start of the last fetch that confirmed the row of the same id in the table; null if none.",
        "first_seen_at": "Start of the first fetch that brought it.",
        "last_seen_at": "Start of the last fetch that brought it.",
        "attempts": "How often it was tried.",
        "resolved_at": "When it left the open rejects; null while open.",
        "resolution": "healed (it is a row now), withdrawn (no longer sent) or superseded (a newer version is a row).",
        "accepted_at": "When an operator accepted it as permanent: it no longer colours the status.",
        "accepted_note": "The operator's note.",
    },
    "sync_coverage": {
        "entity": "clients, portfolios or transactions.",
        "trade_date": "The day of trade; null for clients and portfolios.",
        "landing_id": "The landing merged last for it.",
    },
    "circuits": {
        "circuit": "The collection's path, or the token endpoint's.",
        "failures": "Failed attempts in a row.",
        "opened_until": "No call before this instant; null if closed.",
        "trial_until": "The one trial call holds its lease until this instant; null if none is under way.",
    },
    "unknown_properties": {
        "entity": "clients, portfolios or transactions.",
        "name": "The property's path as INN8 spells it, such as address.country; never a value.",
        "first_seen_at": "Start of the first fetch that had it.",
        "last_seen_at": "Start of the last fetch that was merged and had it.",
        "accepted_at": "When an operator said that no column is wanted of it: it is no longer told of.",
        "accepted_note": "The operator's note.",
    },
    "tenant_readers": {
        "role_name": "The login's name; it sees the rows of its tenants alone.",
    },
    "landings": {
        "entity": "clients, portfolios or transactions.",
        "from_date": "First day of trade asked for; null for clients and portfolios.",
        "to_date": "Last day of trade asked for; null for clients and portfolios.",
        "run_id": "The Dagster run that fetched it.",
        "started_at": "When the fetch began: what INN8 had after this instant may be missing from it.",
        "completed_at": "When the last page was in and the counts agreed; null for a fetch that broke off.",
        "page_digests": "SHA-256 of each page, in order.",
        "record_count": "Records on all pages.",
        "byte_count": "Bytes of all pages, decompressed.",
        "retry_count": "Requests that were tried again.",
        "has_duplicates": "INN8 sent the same ids twice, in two fetches alike: absence from it proves nothing.",
        "transform_version": "The version of the rules it was merged with; null if not merged.",
        "status": "Success, PartialSuccess or NoData, once merged.",
        "counts": "What became of its records, in all and per day of trade: told again by a sync that repeats it.",
        "is_proof": "Absence from this landing counts as a proof of removal.",
        "is_held_back": "Removals of this landing were held back by the bound.",
        "is_repeatable": "The rows are as this landing left them: a fetch of the same pages has nothing to merge.",
        "as_of_at": "Start of the last fetch that brought this landing's very pages; its own start at first.",
        "merged_at": "When it was merged; null if not merged.",
        "repeats_id": "The merged landing that this one repeats page by page, so that nothing was to be merged.",
    },
    "pages": {
        "sha256": "SHA-256 of the bytes as they came: the page's name.",
        "body": "The JSON array, verbatim.",
        "record_count": "Records on the page.",
        "byte_count": "Bytes of the page, decompressed.",
    },
}

SOURCES: dict[str, dict[str, tuple[str, ...]]] = {
    "clients": {
        "external_id": ("id",),
        "name": ("fullName",),
        "email": ("emailAddress",),
        "phone": ("phoneNumber",),
        "address": ("address.street", "address.city", "address.state", "address.zipCode"),
        "status": ("status",),
    },
    "portfolios": {
        "external_id": ("id",),
        "client_id": ("clientId",),
        "name": ("name",),
        "account_number": ("accountNumber",),
        "account_type": ("type",),
        "status": ("status",),
    },
    "securities": {
        "external_id": ("security.id",),
        "symbol": ("security.symbol",),
        "name": ("security.name",),
        "isin": ("security.isin",),
        "security_type": ("security.type",),
        "currency": ("security.currency",),
        "as_of_date": ("tradeDate",),
    },
    "transactions": {
        "external_id": ("id",),
        "portfolio_id": ("portfolioId",),
        "security_id": ("security.id",),
        "transaction_type": ("type",),
        "trade_date": ("tradeDate",),
        "settlement_date": ("settlementDate",),
        "quantity": ("quantity",),
        "price": ("price",),
        "amount": ("amount",),
        "fees": ("fees",),
        "currency": ("currency",),
        "description": ("description",),
    },
}
"""The properties of INN8's record that a column is made from; those that are not here are our own."""

PARENTS: dict[str, dict[str, str]] = {
    "portfolios": {"client_id": "clients"},
    "transactions": {"portfolio_id": "portfolios", "security_id": "securities"},
}
"""The tables whose `id` a column holds, found by their `external_id`."""

TYPES: dict[str, str] = dict.fromkeys(("id", "client_id", "portfolio_id", "security_id"), "bigint")
"""Postgres's types of the columns of `inn8` that are not text; a name has one type in all tables."""
TYPES |= dict.fromkeys(("quantity", "price", "amount", "fees"), "numeric(38, 10)")
TYPES |= dict.fromkeys(("trade_date", "settlement_date", "as_of_date"), "date")
TYPES |= dict.fromkeys(("created_at", "updated_at", "as_of_at", "missing_since", "removed_at"), "timestamptz")


def columns_of(table: str) -> dict[str, tuple[str, str]]:
    """The columns of a table of business rows, in order: name to (type, sentence)."""
    presence = () if table == "securities" else ("missing_since", "removed_at")
    last = ("as_of_at", *presence, "created_at", "updated_at")
    names = ("id", "tenant_id", "external_id", *COLUMNS[table], *last)
    return {name: (TYPES.get(name, "text"), describe(table, name)) for name in names}


def describe(table: str, column: str) -> str:
    """The sentence for a column: its table's own, or the one that all tables share."""
    return COLUMNS[table].get(column) or TECHNICAL[column]
