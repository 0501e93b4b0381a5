"""The comments on the pipeline's own tables and columns. Those of entities are declared in `inn8_pipeline.entities`.

An upgrade writes them into Postgres, and docs/dictionary.md is generated from them.
"""

from inn8_pipeline.entities import TECHNICAL

SYNC_LOG_COUNTS = (
    *("fetched", "retried", "inserted", "updated", "unchanged", "duplicate", "rejected", "skipped"),
    *("missing", "removed", "held_back"),
)
"""The columns of the sync log with counts of records, then those with counts of rows."""

TABLES: dict[str, str] = {
    "rejected_records": "A row is a record from INN8 that failed validation, with the reason.",
    "sync_coverage": "A row is a day of trade, or a whole collection, and the landing that it was last merged from.",
    "unconfirmed_rows": "A row of an entity that the last fetch lacked, without showing that INN8 no longer has it.",
    "sync_log_entries": "A row is a sync of an entity: when and why it ran, how it ended, what became of the records.",
    "pauses": "A row is an entity that is paused (`inn8 pause`): no tick and no sweep syncs it.",
    "circuits": "A row is the circuit breaker of one collection or of the token endpoint, shared by all processes.",
    "request_budgets": "A row is the request budget of a tenant, and what INN8 said of its own rate limit.",
    "unknown_properties": "A row is a property that INN8 sends and that no column is made from.",
    "locks": "A row is a lock that a fetch, a merge or a step takes by `select … for update` or `for share`.",
    "tenant_readers": "A row is a login that may read a tenant's rows through the views (`inn8 db grant-reader`).",
    "landings": "A row is one fetch of an entity: its time, window and pages. It counts once completed_at is set.",
    "pages": (
        "A row is a chunk of a landing: about 32 consecutive records, each verbatim as INN8 sent it. Or it is a whole "
        "page, if the page cannot be split or is asked for conditionally. What INN8 sends again is not stored again."
    ),
    "page_groups": "A row is a list of consecutive chunks. Landings with the same chunks refer to the same lists.",
    "page_validators": "A row is a page of the last tick's fetch that the next one may ask for conditionally.",
    "last_fetches": "A row is the last fetch of an entity: if all responses come again, its landing is repeated.",
}

COLUMNS: dict[str, dict[str, str]] = {
    "rejected_records": {
        "entity": "clients, portfolios or transactions.",
        "record_key": "The key of the reject: its external_id, or sha256: and the digest of its payload.",
        "external_id": "INN8's id; null if it is not readable.",
        "trade_date": "Day of trade of a transaction; null if it is not readable.",
        "reason_code": "missing_field, wrong_type, out_of_range, invalid_text, not_an_object or unknown_parent.",
        "reason": "The field and what is wrong with it; never its value.",
        "payload": "The record as INN8 sent it; the escapes \\udc80 to \\udcff stand for bytes that are not UTF-8.",
        "landing_id": "The last landing that was merged and had it.",
        "as_of_at": "Start of the last fetch that was merged and had it.",
        "covers_from": "A later fetch withdraws the reject only if it covers the days from this one to covers_to.",
        "covers_to": "The last of these days.",
        "row_as_of_at": "Start of the last fetch that confirmed the row of the same id in the table; null if none.",
        "first_seen_at": "Start of the first fetch that had it.",
        "last_seen_at": "Start of the last fetch that was merged and had it.",
        "attempts": "How often a fetch had the record, or another try of it had a new result.",
        "resolved_at": "When it was resolved; null while it is open.",
        "resolution": "healed (it became a row), withdrawn (no longer sent) or superseded (a newer version is a row).",
        "accepted_at": "When an operator accepted it as permanent: it no longer causes PartialSuccess.",
        "accepted_note": "The operator's note.",
        "unknown_parent_id": "INN8's id of the parent that is unknown; null for other reasons, or before schema 0015.",
    },
    "sync_coverage": {
        "entity": "clients, portfolios or transactions.",
        "trade_date": "The day of trade; null for clients and portfolios.",
        "landing_id": "The landing that it was last merged from.",
    },
    "unconfirmed_rows": {
        "entity": "clients, portfolios or transactions.",
        "row_id": "The row's id in the table of its entity.",
        "reason": (
            "held_back (by the bound on removals), unreadable (a record without a readable id may be it), duplicates "
            "(pages overlapped), unproven_end (the page may not be the last one), empty (INN8 sent no record for these "
            "days) or other_day (INN8 sent it with a day of trade that was not asked for)."
        ),
        "confirmed_at": "Start of the last fetch that confirmed the row.",
        "lacking_since": "Start of the first later fetch that lacked it.",
    },
    "sync_log_entries": {
        "run_id": "The Dagster run.",
        "entity": "clients, portfolios or transactions.",
        "from_date": "First day of trade of the sync; null for clients and portfolios.",
        "to_date": "Last day of trade of the sync; null for clients and portfolios.",
        "trigger": (
            "tick, sweep, backfill, manual, or rebuild (from landings, INN8 was not asked); null for a sync of an "
            "earlier release whose run is gone."
        ),
        "status": "Success, PartialSuccess, NoData, Failed, or InProgress while it has not ended.",
        "needs_action": "An operator must act on it, though it may not have failed: removals were held back.",
        "started_at": "Start of the fetch; of a rebuild, or of a sync that fetched nothing, when its step began.",
        "ended_at": "When it ended; null while it runs.",
        "fetched": "Records that INN8 sent; this count and the following are null where the sync failed.",
        "retried": "Open rejects that were tried again, because INN8 did not send them.",
        "inserted": "Records that became a new row.",
        "updated": "Records that changed a row.",
        "unchanged": "Records that are the same as their row.",
        "duplicate": "Records whose id came more than once.",
        "rejected": "Records that could not become a row.",
        "skipped": "Records that were not merged: outside the days of the sync, or older than the table.",
        "missing": "Rows that were marked as missing.",
        "removed": "Rows that were marked as removed.",
        "held_back": "Rows that the bound on removals kept from being marked as missing.",
        "bytes": "Bytes of all pages that the sync fetched, decompressed; null where it failed.",
        "retries": "Requests that were tried again; null where it failed.",
        "waits": "How often a merge waited for another sync of the entity; null where it failed.",
        "landing_id": "The landing that was merged, the last one of several; null where none was.",
        "message": "What the operator should know and do, without personal data; empty where there is nothing to say.",
        "waited_seconds": (
            "Seconds in which requests waited for the request budget or INN8's rate limit; null where it failed."
        ),
        "unchanged_pages": "Pages that INN8 did not send again, because they had not changed; null where it failed.",
        "merged_at": (
            "When the transactions of its merges began: created_at of the rows that the sync inserted; null where it "
            "inserted none."
        ),
        "repaired": (
            "Of the updated rows those that had been changed by hand: INN8 sent the record that they were made from. "
            "Null if there are none."
        ),
    },
    "pauses": {
        "entity": "clients, portfolios or transactions.",
        "paused_at": "Since when it is paused.",
        "paused_by": "Who has paused it.",
        "reason": "Why, in the words of who has paused it.",
    },
    "circuits": {
        "circuit": "Path of the collection or of the token endpoint.",
        "failures": "Failed attempts in a row.",
        "opened_until": "No request is made before this time; null while the circuit is closed.",
        "trial_until": "Until this time only the trial request may run; null if there is none.",
        "last_failure": "The request that failed last, and its status or a description of the error; never a body.",
        "last_failed_at": "When that request failed.",
    },
    "request_budgets": {
        "full_at": "When all requests of the budget are available again; each request moves it into the future.",
        "remaining": "Requests that INN8 still accepts before resets_at; null while one request asks how many.",
        "resets_at": "When INN8's rate limit is reset; null if it never spoke of one.",
    },
    "unknown_properties": {
        "entity": "clients, portfolios or transactions.",
        "name": "The property's path as INN8 spells it, such as address.country; never a value.",
        "first_seen_at": "Start of the first fetch that had it.",
        "last_seen_at": "Start of the last fetch that was merged and had it.",
        "accepted_at": "When an operator confirmed that it needs no column: the check drift no longer reports it.",
        "accepted_note": "The operator's note.",
    },
    "locks": {
        "name": "What is locked: a tenant's fetches, its pages, the merges of an entity, or a step of a Celery worker.",
    },
    "tenant_readers": {
        "role_name": "Name of the login. It sees only the rows of its tenants.",
        "has_contact_data": "False if columns with personal data are null for it in the views (`--without-contact`).",
    },
    "landings": {
        "entity": "clients, portfolios or transactions.",
        "from_date": "First day of trade asked for; null for clients and portfolios.",
        "to_date": "Last day of trade asked for; null for clients and portfolios.",
        "run_id": "The Dagster run that fetched it.",
        "started_at": "When the fetch began. Changes at INN8 after this time may be missing from it.",
        "completed_at": "When the last page was stored and the counts agreed; null if in progress or broken off.",
        "page_digests": "SHA-256 of its pages and groups of pages, in order (inn8_raw.pages, inn8_raw.page_groups).",
        "record_count": "Records on all pages.",
        "byte_count": "Bytes of all pages, decompressed.",
        "retry_count": "Requests that were retried.",
        "has_duplicates": "Two fetches had the same ids more than once: absence from the landing proves nothing.",
        "transform_version": "Version of the transform that it was merged with; null if not merged.",
        "status": "Success, PartialSuccess or NoData, once merged.",
        "counts": "The counts of its records, in all and per day of trade; a repeat of the landing repeats them.",
        "absence_counts": "Absence from this landing counts towards removal.",
        "is_held_back": "Rows that it lacked were not marked as missing, because of the bound on removals.",
        "is_repeatable": "The rows are still as its merge left them: a fetch of the same pages has nothing to merge.",
        "as_of_at": "Start of the last fetch with exactly these pages; at first its own start.",
        "merged_at": "When it was merged; null if not merged.",
        "unreadable_since": (
            "Rows last confirmed before this time are not proven to be absent, because a record without a readable id "
            "may be one of them; null if it has no such record that is not accepted."
        ),
        "changed_at": (
            "From when its changes count in the history, if a fetch begun later had been merged before it; null if "
            "that is started_at."
        ),
        "waited_seconds": "Seconds in which its requests waited for the request budget or INN8's rate limit.",
        "unproven_end": (
            "Why more pages may follow the last one, so that absence from the landing proves nothing; null if it is "
            "the last one."
        ),
        "unchanged_pages": "Pages that INN8 did not send again, because they had not changed (304).",
        "page_count": "Pages that INN8 sent, or had sent before; null before schema 0020: then one for each digest.",
        "repeats_id": "The merged landing that this one repeats page by page, so that there was nothing to merge.",
    },
    "pages": {
        "sha256": "SHA-256 of the JSON array: its key.",
        "body": "Records as INN8 sent them; the escapes \\udc80 to \\udcff stand for bytes that are not UTF-8.",
        "record_count": "Records in the array.",
        "byte_count": "Bytes of the array.",
        "record_digests": (
            "The first 16 bytes of the SHA-256 of each record, written with the page; if the page was stored before "
            "schema 0023 or cannot be split, null until a merge needs them."
        ),
    },
    "page_groups": {
        "sha256": "SHA-256 of the digests, one after the other: its key.",
        "page_digests": "SHA-256 of each chunk, in order (inn8_raw.pages).",
    },
    "page_validators": {
        "entity": "clients, portfolios or transactions.",
        "request_key": (
            "SHA-256 of what the request asks for and how its response is read; empty: INN8's validators were wrong at "
            "fetched_at, and none is used for a day."
        ),
        "validator": "The ETag or Last-Modified that came with the page.",
        "sha256": "The page, in inn8_raw.pages.",
        "facts": "What else was read from the response: the total, and the URLs of the next and the last page.",
        "is_end": "It is the first or the last page of the fetch, which is always requested in full.",
        "fetched_at": "When the page last came in full; after a day it is requested in full again.",
    },
    "last_fetches": {
        "entity": "clients, portfolios or transactions.",
        "landing_id": "The last landing with these pages.",
        "digests_sha256": "SHA-256 of the landing's page_digests: it is not repeated if they have changed.",
        "responses": (
            "For each page: SHA-256 of its request and of its response, its records and their bytes, and what else was "
            "read: the total, and the URLs of the next and the last page."
        ),
    },
}


ENDED = {
    "valid_to": "Until when the version was the row: valid_from of the next one, or when the row was deleted.",
    "reason": ("How the version ended: updated, missing, removed, revived, erased, or edited by hand (not by a sync)."),
    "ended_by_landing_id": "The landing whose merge ended it; null if it was ended by hand.",
    "ended_by_run_id": "The Dagster run of that merge.",
}
"""The comments of the columns that past versions have in addition to those of the rows."""


def describe(table: str, column: str) -> str:
    """Return the comment of a column: the one for its table, or the one that all tables share."""
    return COLUMNS[table].get(column) or TECHNICAL[column]
