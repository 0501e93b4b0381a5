"""`inn8 diff`: what a sync changed, row by row and column by column, from the history."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from inn8_pipeline.cli.support import output
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Entity, Window
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.history import diff
from inn8_pipeline.warehouse.history.diff import DiffFilter
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline.warehouse.sync_log import store
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.logins import new_login, url_of
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, october


class Diffs:
    """A warehouse whose syncs are in the sync log, and what `inn8 diff` shows of them."""

    def __init__(self, syncs: Syncs) -> None:
        self.syncs = syncs
        self.terminal = Terminal({"INN8_DATABASE_URL": syncs.url, "INN8_TENANT_ID": TENANT})

    def sync(  # noqa: PLR0913 (all but the first are optional)
        self,
        run_id: str,
        records: Sequence[dict[str, Any]],
        tenant_id: str = TENANT,
        *,
        entity: Entity = CLIENTS,
        window: Window | None = None,
        trigger: Trigger = Trigger.MANUAL,
    ) -> None:
        started_at = datetime.now(UTC)
        writer = LandingWriter(self.syncs.engine, tenant_id, entity, window, run_id)
        writer.add(json.dumps(records).encode(), len(records))
        landing = writer.complete(retries=0, has_duplicates=False)
        merged_at = self.syncs.merge(landing).merged_at
        entry = SyncLogEntry(Status.SUCCESS, started_at, datetime.now(UTC))
        with self.syncs.engine.begin() as connection:
            merges = [merged_at] if merged_at else []
            logged = LoggedSync(tenant_id, entity.name, run_id, entry, window, trigger, merged_at=merges)
            store.write(connection, logged)

    def text(self, *arguments: str) -> str:
        result = self.terminal.ask("diff", *arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def changes(self, *arguments: str) -> list[tuple[Any, ...]]:
        found = json.loads(self.text("--json", *arguments))
        return [tuple(each[name] for name in ("external_id", "reason", "column_name", "old", "new")) for each in found]


@pytest.fixture
def diffs(warehouse_url: str) -> Iterator[Diffs]:
    with Syncs(warehouse_url) as syncs:
        yield Diffs(syncs)


def test_the_last_sync_is_shown_with_old_and_new_values(diffs: Diffs) -> None:
    diffs.sync("first", [client(fullName="Anna"), client(id="C-2")])
    assert diffs.changes() == [(each, "inserted", None, None, None) for each in ("C-1", "C-2")]
    diffs.sync("second", [client(fullName="Anne"), client(id="C-2"), client(id="C-3")])
    changed = ("C-1", "updated", "name", "Anna", "Anne")
    assert sorted(diffs.changes()) == [changed, ("C-3", "inserted", None, None, None)]
    assert diffs.changes("--column", "name") == [changed]
    assert "clients C-1: updated" in diffs.text()
    assert "  - name: 'Anna'\n  + name: 'Anne'\n" in diffs.text()
    assert diffs.text().endswith("\n2 rows changed.\n")
    assert diffs.changes("--run", "fir") == [(each, "inserted", None, None, None) for each in ("C-1", "C-2")]
    diffs.sync("third", [client(fullName="Anne"), client(id="C-2"), client(id="C-3")])
    named, nothing = diffs.text().splitlines()
    assert (named.startswith("clients: last sync, run third, began "), nothing) == (True, "No row was changed.")
    assert diffs.changes() == []


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_the_run_its_start_and_the_entity_are_named(diffs: Diffs) -> None:
    diffs.syncs.with_parents()
    diffs.sync("clients-1", [client(fullName="Anna")])
    diffs.sync("clients-2", [client(fullName="Anne")])
    diffs.sync("transactions-1", [transaction()], entity=TRANSACTIONS, window=october(1, 10))
    at = r"began \d{4}-\d\d-\d\d \d\d:\d\d SAST, [-0-9 ]*\d\d:\d\d UTC"
    shown = diffs.text()
    assert re.search(rf"^clients: last sync, run clients-, {at}$", shown, re.MULTILINE)
    assert re.search(rf"^transactions: last sync, run transact, {at}, 2026-10-01 to 2026-10-10$", shown, re.MULTILINE)
    assert re.search(
        r"^clients C-1: updated [-0-9]* \d\d:\d\d:\d\d SAST, [-0-9 ]*\d\d:\d\d:\d\d UTC, run", shown, re.MULTILINE
    )
    of_run = diffs.text("--run", "clients-2").splitlines()
    assert re.fullmatch(rf"clients: run clients-, {at}", of_run[0])
    assert not any(line.startswith(("transactions", "portfolios")) for line in of_run)
    assert "began" not in diffs.text("--since", f"{datetime.now(UTC):%Y-%m-%d}")


def test_counts_come_first_and_inserted_rows_are_listed_only_if_asked_for(diffs: Diffs) -> None:
    diffs.sync("first", [client(id=f"C-{number}") for number in range(30)])
    assert diffs.text().splitlines()[1:] == [
        "clients: 30 inserted",
        "30 inserted rows are not listed: `--inserted` lists them.",
        "30 rows changed.",
    ]
    shown = diffs.text("--inserted").splitlines()
    assert sum(line.startswith("clients C-") for line in shown) == 20
    assert shown[-2:] == ["… and 10 more rows of clients: `--limit 0` lists all.", "30 rows changed."]
    assert sum(line.startswith("clients C-") for line in diffs.text("--inserted", "--limit", "0").splitlines()) == 30
    renamed = [client(id=f"C-{number}", fullName="Anne") for number in range(4)]
    diffs.sync("second", [*renamed, *(client(id=f"C-{number}") for number in range(4, 29))])
    shown = diffs.text("--limit", "3").splitlines()
    assert shown[1] == "clients: 4 updated, 1 missing"
    assert (len([line for line in shown if line.startswith("clients C-")]), len(diffs.changes())) == (3, 5)
    assert shown[-2:] == ["… and 2 more rows of clients: `--limit 0` lists all.", "5 rows changed."]


def test_the_runs_of_a_sync_of_many_days_are_shown_together_without_the_ticks_between(diffs: Diffs) -> None:
    diffs.syncs.with_parents()
    diffs.sync("before", [transaction(id="T-0", tradeDate="2026-10-08")], entity=TRANSACTIONS, window=october(8, 9))
    days = {"newest": october(8, 10), "middle": october(4, 7), "oldest": october(1, 3)}
    for name, window in days.items():
        sent = [transaction(id=f"T-{name}", tradeDate=window.to_date.isoformat())]
        diffs.sync(name, sent, entity=TRANSACTIONS, window=window)
        diffs.sync(f"tick-{name}", sent, entity=TRANSACTIONS, window=window, trigger=Trigger.TICK)
    diffs.syncs.execute("delete from inn8.sync_log_entries where run_id = 'tick-oldest'")
    shown = diffs.text("--entity", "transactions").splitlines()
    assert shown[0].startswith("transactions: last sync, 3 runs, began ")
    assert ", 2026-10-01 to 2026-10-10: `inn8 log --entity transactions` lists them, and " in shown[0]
    inserted = {each[0] for each in diffs.changes("--entity", "transactions") if each[1] == "inserted"}
    assert inserted - {"S-1"} == {"T-newest", "T-middle", "T-oldest"}
    middle = "update inn8.sync_log_entries set ended_at = ended_at - interval '2 hours' where run_id = 'middle'"
    diffs.syncs.execute(middle)
    assert {each[0] for each in diffs.changes("--entity", "transactions")} & {"T-newest", "T-middle"} == set()


def test_securities_have_a_diff_of_their_own(diffs: Diffs) -> None:
    diffs.syncs.with_parents()
    diffs.sync("first", [transaction()], entity=TRANSACTIONS, window=october(1, 10))
    assert diffs.text("--entity", "securities").splitlines()[1] == "securities: 1 inserted"
    assert diffs.text("--entity", "transactions").splitlines()[1] == "securities: 1 inserted"
    refused = diffs.terminal.ask("log", "--entity", "securities")
    assert (refused.exit_code, "they are part of transactions." in refused.stderr) == (2, True)


def test_a_row_that_goes_missing_is_removed_and_comes_back_is_shown_with_its_reason(diffs: Diffs) -> None:
    both = [client(), client(id="C-2")]
    shown = []
    for number, sent in enumerate((both, both[:1], both[:1], both)):
        diffs.sync(f"run-{number}", sent)
        shown.append([each[:3] for each in diffs.changes()])
    assert shown[1:] == [
        [("C-2", "missing", "missing_since")],
        [("C-2", "removed", "removed_at")],
        [("C-2", "revived", "missing_since"), ("C-2", "revived", "removed_at")],
    ]


def test_an_edit_by_hand_is_shown_since_a_day_and_belongs_to_no_sync(diffs: Diffs) -> None:
    diffs.sync("first", [client(fullName="Anna")])
    diffs.syncs.execute("update inn8.clients set name = ''")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert diffs.changes("--since", today, "--column", "name") == [("C-1", "edited by hand", "name", "Anna", "")]
    assert [each[1] for each in diffs.changes("--since", today)] == ["inserted", "edited by hand"]
    assert [each[1] for each in diffs.changes()] == ["inserted"]
    assert diffs.changes("--since", "2999-01-01") == []


@pytest.mark.parametrize("width", [80, 160])
def test_ids_and_values_cannot_control_the_terminal_and_fit_its_width(
    diffs: Diffs, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(output, "WIDTH", width)
    forged = "C-\x1b]0;forged\x07\n\u202e" + "x" * 200
    diffs.sync("first", [client(id=forged)])
    diffs.sync("second", [client(id=forged, fullName="\u202e" + "\u6771" * 200)])
    shown = diffs.text()
    assert "clients C-\\x1b]0;forged\\x07\\n\\u202exxx" in shown
    assert "  + name: '\\u202e\u6771" in shown
    assert shown.replace("\n", "").isprintable()
    assert max(map(cell_len, shown.splitlines())) == width
    assert {each[0] for each in diffs.changes()} == {forged}


def test_two_tenants_are_shown_apart_and_a_reader_sees_its_own_alone(diffs: Diffs) -> None:
    for tenant_id in (TENANT, "other"):
        diffs.sync(f"{tenant_id}-first", [client(fullName="Anna")], tenant_id)
        diffs.sync(f"{tenant_id}-second", [client(fullName=f"Anne of {tenant_id}")], tenant_id)
    both = Terminal({**diffs.terminal.variables, "INN8_TENANTS": f"{TENANT},other"})
    changes = {each: f"{each}/clients C-1: updated" for each in (TENANT, "other")}
    shown = both.ask("diff").stdout
    assert all(change in shown for change in changes.values())
    assert shown.endswith("\n2 rows changed.\n")
    assert "Anne of t1" not in both.ask("diff", "--tenant", "other").stdout
    with new_login(diffs.syncs.url) as login:
        access.grant_reader(diffs.syncs.engine, login, "other")
        with connect(url_of(diffs.syncs.url, login)).connect() as connection:
            for wanted in ({"runs": ["t1-second", "other-second"]}, {"since": datetime(2026, 1, 1, tzinfo=UTC)}):
                found = list(diff.read(connection, CLIENTS, DiffFilter([TENANT, "other"], **wanted)))
                assert {each.tenant_id for each in found} == {"other"}
                assert "Anne of other" in {each.new for each in found}


def test_in_csv_an_empty_text_is_no_null(diffs: Diffs) -> None:
    diffs.sync("first", [client(fullName='An"na')])
    diffs.syncs.execute("update inn8.clients set name = ''")
    shown = diffs.text("--since", f"{datetime.now(UTC):%Y-%m-%d}", "--column", "name", "--csv")
    (row,) = csv.DictReader(io.StringIO(shown))
    assert (row["old"], row["new"], row["run_id"]) == ('An"na', "", "")
    assert shown.endswith('"edited by hand",,"name","An""na",""\n')


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--run", "nothing"], 1, "has no run"),
        (["--run", "f", "--since", "2026-01-01"], 2, "omit --since"),
        (["--csv", "--json"], 2, "Choose one"),
        (["--column", "nam"], 2, "Did you mean 'name'"),
    ],
)
def test_what_cannot_be_shown_is_refused(diffs: Diffs, arguments: list[str], exit_code: int, message: str) -> None:
    result = diffs.terminal.ask("diff", *arguments)
    assert (result.exit_code, message in result.stderr) == (exit_code, True)
    assert result.stdout == ""
