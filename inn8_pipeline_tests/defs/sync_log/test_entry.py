"""The schema of a sync log entry: what a step writes is what `inn8 log` reads, release 0.1's entries too."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from inn8_pipeline.defs.sync_log.dagster_log import evaluation
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.sync_log.entry import SyncLogEntry

KEY = dg.AssetKey("clients")
AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
COUNTS = Counts(fetched=9, retried=1, inserted=1, updated=2, unchanged=3, duplicate=1, rejected=2, skipped=1)


def read(stored: dg.AssetCheckEvaluation) -> SyncLogEntry:
    values = {name: each.value for name, each in stored.metadata.items()}
    return SyncLogEntry.from_metadata(
        values, stored.description, is_error=stored.severity is dg.AssetCheckSeverity.ERROR
    )


@pytest.mark.parametrize(
    "entry",
    [
        SyncLogEntry(Status.SUCCESS, AT, AT + timedelta(seconds=4), COUNTS, {"missing": 1, "removed": 0}),
        SyncLogEntry(Status.NO_DATA, AT, AT, Counts(), description="INN8 sent no records."),
        SyncLogEntry(Status.PARTIAL_SUCCESS, AT, AT, COUNTS, {"held_back": 7}, "7 rows.", needs_action=True),
        SyncLogEntry(Status.PARTIAL_SUCCESS, AT, AT, COUNTS, description="2 rejects are open."),
        SyncLogEntry(Status.FAILED, AT, AT + timedelta(minutes=1), description="GET /clients failed."),
    ],
    ids=lambda entry: f"{entry.status} {entry.needs_action}",
)
def test_an_entry_is_read_as_it_was_written(entry: SyncLogEntry) -> None:
    assert read(evaluation(entry, KEY)) == entry


def test_an_entry_has_the_fields_that_the_users_document_asks_for() -> None:
    entry = SyncLogEntry(Status.FAILED, AT, AT + timedelta(seconds=2), description="GET /clients failed.")
    assert entry.to_metadata() == {
        "status": "Failed",
        "record_count": 0,
        "error_count": 0,
        "started_at": AT,
        "ended_at": AT + timedelta(seconds=2),
        "error_message": "GET /clients failed.",
    }


def test_the_json_of_an_entry_keeps_its_keys_and_is_plain() -> None:
    json: dict[str, Any] = SyncLogEntry(Status.SUCCESS, AT, None, COUNTS).as_json()
    assert json == {
        "status": "Success",
        "record_count": 9,
        "error_count": 2,
        "started_at": "2026-11-20T10:15:00+00:00",
        "ended_at": None,
        "error_message": "",
        "description": "Success.",
        "counts": COUNTS.as_dict(),
    }
    assert type(json["status"]) is str


def test_an_entry_of_release_0_1_has_outside_for_skipped() -> None:
    counts = COUNTS.as_dict()
    old = {**counts, "outside": counts.pop("skipped"), "status": "Success", "started_at": AT.timestamp()}
    del old["skipped"]
    entry = SyncLogEntry.from_metadata(old, "Success.", is_error=False)
    assert entry == SyncLogEntry(Status.SUCCESS, AT, None, COUNTS)
