"""`inn8 rejects list` tells accepted rejects from open ones; `export` prints what INN8 may see, without our notes."""

import csv
import io
import json
import re
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


def shown(syncs: Syncs, *arguments: str) -> str:
    return Terminal({"INN8_DATABASE_URL": syncs.url, "INN8_TENANT_ID": TENANT}).ask("rejects", *arguments).stdout


def test_accepted_rejects_are_counted_and_listed_only_if_asked_for(syncs: Syncs) -> None:
    syncs.clients([client(), *(client(id=f"C-{number}", fullName=1) for number in range(2, 6))])
    numbers = {each["external_id"]: each["id"] for each in exported(syncs)}
    assert shown(syncs, "list").splitlines()[-1] == "4 rejects are open."
    rejects.accept(syncs.engine, TENANT, [numbers["C-2"], numbers["C-4"]], "the adviser is to blame")
    listed = shown(syncs, "list")
    assert [each for each in numbers if each in listed] == ["C-3", "C-5"]
    assert listed.splitlines()[-1] == (
        "2 rejects are open, 2 rejects are accepted: `inn8 rejects list --with-accepted` lists them too."
    )
    assert len(json.loads(shown(syncs, "list", "--json"))) == 4
    limited = shown(syncs, "list", "--limit", "1").splitlines()
    assert limited[-1].endswith(" lists them too. 1 of 2 are shown: --limit shows more.")
    rejects.accept(syncs.engine, TENANT, [numbers["C-3"], numbers["C-5"]], "likewise")
    assert shown(syncs, "list") == (
        "There are no open rejects, but 4 rejects are accepted: `inn8 rejects list --with-accepted` lists them too.\n"
    )


def test_at_80_columns_each_reject_is_listed_with_its_state(syncs: Syncs) -> None:
    syncs.clients([client(), *(client(id=f"C-{number}", fullName=1) for number in range(2, 5))])
    rejects.accept(syncs.engine, TENANT, [exported(syncs)[0]["id"]], "the adviser is to blame")
    syncs.clients([client(), client(id="C-2", fullName=1), client(id="C-3"), client(id="C-4", fullName=1)])
    terminal = Terminal({"INN8_DATABASE_URL": syncs.url, "INN8_TENANT_ID": TENANT})
    for option, states in (
        ("--with-accepted", {"C-2": "accepted", "C-4": "open"}),
        ("--all", {"C-2": "accepted", "C-3": "healed", "C-4": "open"}),
    ):
        lines = terminal.screen("rejects", "list", option)
        assert max(map(len, lines)) <= 80
        found = {cells[3]: cells[1] for line in lines if len(cells := line.split()) > 3 and cells[0].isdigit()}
        assert {name: state for name, state in found.items() if name.startswith("C-")} == states
        assert lines[-1] == "1 reject is open, 1 reject is accepted."


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_times_have_their_zone(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2", fullName=1)])
    (only,) = exported(syncs)
    lines = shown(syncs, "show", str(only["id"])).splitlines()
    times = [line for line in lines if "_at " in line]
    assert len(times) >= 2
    assert all(re.search(r"\d\d:\d\d:\d\d SAST, [-0-9 ]*\d\d:\d\d:\d\d UTC", line) for line in times), times
    assert re.search(r"Times are in UTC: \d\d:\d\d UTC is \d\d:\d\d SAST in this terminal\.", shown(syncs, "list"))


def test_a_record_without_a_valid_id_is_identified_by_its_digest_and_its_landing(syncs: Syncs) -> None:
    syncs.clients([client(), client(id=None)])
    (only,) = exported(syncs, "--format", "csv")
    assert (only["external_id"], only["record_key"][:7]) == ("", "sha256:")
    assert only["landing_id"] == str(syncs.reject()["landing_id"])
    assert only["last_seen_at"]
