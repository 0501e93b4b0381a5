"""`inn8 rejects export` prints what INN8 may see: open rejects, without our notes."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from inn8_pipeline.warehouse.queries import rejects
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs


@pytest.fixture
def syncs(warehouse_url: str) -> Iterator[Syncs]:
    with Syncs(warehouse_url) as made:
        yield made


def exported(syncs: Syncs, *arguments: str) -> list[dict[str, Any]]:
    terminal = Terminal({"INN8_DATABASE_URL": syncs.url, "INN8_TENANT_ID": TENANT})
    result = terminal.ask("rejects", "export", *arguments)
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout))) if "csv" in arguments else json.loads(result.stdout)


def test_accepted_rejects_and_their_notes_are_exported_only_if_asked_for(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1), client(id="C-3", fullName=1)])
    accepted = next(each["id"] for each in exported(syncs) if each["external_id"] == "C-2")
    rejects.accept(syncs.engine, TENANT, [accepted], "the adviser is to blame")
    for form in ("csv", "json"):
        (only,) = exported(syncs, "--format", form)
        assert (only["external_id"], "accepted_note" in only) == ("C-3", False)
        both = exported(syncs, "--format", form, "--with-accepted")
        assert [each["external_id"] for each in both] == ["C-2", "C-3"]
        assert not any("accepted_note" in each for each in both)
    noted = exported(syncs, "--with-accepted", "--with-notes")
    assert [each["accepted_note"] for each in noted] == ["the adviser is to blame", None]


def test_a_record_without_a_valid_id_is_identified_by_its_digest_and_its_landing(syncs: Syncs) -> None:
    syncs.clients([client(), client(id=None)])
    (only,) = exported(syncs, "--format", "csv")
    assert (only["external_id"], only["record_key"][:7]) == ("", "sha256:")
    assert only["landing_id"] == str(syncs.reject()["landing_id"])
    assert only["last_seen_at"]
