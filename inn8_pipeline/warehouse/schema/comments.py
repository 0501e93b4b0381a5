"""What the pipeline's own tables and their columns mean. Those of entities are declared in `inn8_pipeline.entities`.

Postgres has these sentences as comments, and docs/dictionary.md is made from them.
"""

from inn8_pipeline.entities import TECHNICAL

TABLES: dict[str, str] = {
    "rejected_records": "A row is a record that INN8 sent and that could not become a row, with its reason.",
    "sync_coverage": "A row is a day of trade, or without one a whole collection, and the landing merged last for it.",
    "unconfirmed_rows": "A row is one that the last fetch lacked, without proof that INN8 has it no longer.",
    "circuits": "A row is the circuit breaker of one collection or of the token endpoint, shared by all processes.",
    "unknown_properties": "A row is a property that INN8 sends and that no column is made from.",
    "tenant_readers": "A row is a login that may read a tenant's rows through the views (`inn8 db grant-reader`).",
    "landings": "A row is one fetch of an entity: when, what window, which pages. It counts once completed_at is set.",
    "pages": "A row is one page as INN8 sent it, verbatim, stored once however often it came.",
}

COLUMNS: dict[str, dict[str, str]] = {
    "rejected_records": {
        "entity": "clients, portfolios or transactions.",
        "record_key": "What the record is known by: its external_id, or sha256: and the digest of its payload.",
        "external_id": "INN8's id where it is readable.",
        "trade_date": "Day of trade of a transaction where it is readable.",
        "reason_code": "missing_field, wrong_type, out_of_range, invalid_text, not_an_object or unknown_parent.",
        "reason": "The field and what is wrong with it; never its value.",
        "payload": "The record as INN8 sent it; the escapes \\udc80 to \\udcff stand for bytes that are not UTF-8.",
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
        "accepted_at": "When an operator accepted it as permanent: it no longer causes PartialSuccess.",
        "accepted_note": "The operator's note.",
    },
    "sync_coverage": {
        "entity": "clients, portfolios or transactions.",
        "trade_date": "The day of trade; null for clients and portfolios.",
        "landing_id": "The landing merged last for it.",
    },
    "unconfirmed_rows": {
        "entity": "clients, portfolios or transactions.",
        "row_id": "The row's id in the table of its entity.",
        "reason": (
            "held_back (by the bound on removals), unreadable (a record without a readable id may be it), duplicates "
            "(pages overlapped), empty (INN8 sent nothing for these days) or other_day (it is sent with a day of trade "
            "that was not asked for)."
        ),
        "confirmed_at": "Start of the last fetch that confirmed the row.",
        "lacking_since": "Start of the first fetch after that one that lacked it.",
    },
    "circuits": {
        "circuit": "The collection's path, or the token endpoint's.",
        "failures": "Failed attempts in a row.",
        "opened_until": "No call before this instant; null if closed.",
        "trial_until": "The one trial call holds its lease until this instant; null if none is under way.",
        "last_failure": "The request that failed last, and how: its status or our words, never a body.",
        "last_failed_at": "When it failed.",
    },
    "unknown_properties": {
        "entity": "clients, portfolios or transactions.",
        "name": "The property's path as INN8 spells it, such as address.country; never a value.",
        "first_seen_at": "Start of the first fetch that had it.",
        "last_seen_at": "Start of the last fetch that was merged and had it.",
        "accepted_at": "When an operator confirmed that it needs no column: the check drift no longer reports it.",
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
        "counts": "The counts of its records, in all and per day of trade; a repeat of the landing repeats them.",
        "is_proof": "Absence from this landing counts as a proof of removal.",
        "is_held_back": "Removals of this landing were held back by the bound.",
        "is_repeatable": "The rows are as this landing left them: a fetch of the same pages has nothing to merge.",
        "as_of_at": "Start of the last fetch that brought this landing's very pages; its own start at first.",
        "merged_at": "When it was merged; null if not merged.",
        "unreadable_since": (
            "Rows that were not confirmed since are not proven to be absent from it, for a record without a readable "
            "id may be any of them; null if it has none that is not accepted."
        ),
        "repeats_id": "The merged landing that this one repeats page by page, so that nothing was to be merged.",
    },
    "pages": {
        "sha256": "SHA-256 of the bytes as they came: the page's name.",
        "body": "The JSON array as INN8 sent it; the escapes \\udc80 to \\udcff stand for bytes that are not UTF-8.",
        "record_count": "Records on the page.",
        "byte_count": "Bytes of the page, decompressed.",
    },
}


def describe(table: str, column: str) -> str:
    """Return the sentence of a column: its table's own, or the one that all tables share."""
    return COLUMNS[table].get(column) or TECHNICAL[column]
