"""`inn8 sync`, and the commands that an operator runs afterwards, each in a process of its own."""

import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.sync_log.entry import worst
from inn8_pipeline_tests.cli.conftest import Place, count
from inn8_pipeline_tests.worlds import world_of_today


def syncs(output: str) -> list[dict[str, Any]]:
    syncs: list[dict[str, Any]] = json.loads(output)["syncs"]
    return syncs


@pytest.mark.slow
def test_a_sync_a_repeated_one_and_one_with_clients_down_exit_as_they_should(place: Place) -> None:
    first = place.terminal.run("sync")
    assert (first.returncode, first.stdout.count("Success")) == (0, 3), first
    assert "only the last 10 days of trade" in first.stderr
    assert "`inn8 sync --full`" in first.stderr
    assert count(place.warehouse_url, "inn8.clients") == 30

    second = place.terminal.run("sync", "--json")
    assert (second.returncode, second.stderr) == (0, "")
    assert [each["entity"] for each in syncs(second.stdout)] == ["clients", "portfolios", "transactions"]
    for each in syncs(second.stdout):
        counts = each["counts"]
        assert counts["unchanged"] + counts["skipped"] == each["record_count"] > 0
        # One day more is requested at each end, and its records are skipped.
        assert (counts["skipped"] > 0) is (each["entity"] == "transactions")

    place.server.faults.add("status", "clients", status=404, times=None)
    third = place.terminal.run("sync")
    assert third.returncode == 1
    assert third.stdout.count("Failed") == 1
    assert third.stdout.count("Success") == 2
    assert "): INN8 refused GET /clients with 404" in third.stderr
    assert "Traceback" not in third.stderr

    log = json.loads(place.terminal.ask("log", "--json").stdout)
    assert [each["entity"] for each in log] == ["transactions", "portfolios", "clients"] * 3
    assert [each["status"] for each in log[:3]] == ["Success", "Success", "Failed"]
    failed = json.loads(place.terminal.ask("log", "--status", "failed", "--entity", "clients", "--json").stdout)
    assert [each["run_id"] for each in failed] == [log[2]["run_id"]]
    assert failed[0]["error_message"].startswith("INN8 refused GET /clients")
    table = place.terminal.ask("log", "--status", "failed")
    message = f" UTC, run {failed[0]['run_id'][:8]}): INN8 refused GET /clients with 404"
    assert (message in table.stdout, table.stderr) == (True, "")
    before = place.terminal.ask("log", "--day", "2020-01-01", "--exit-code")
    assert before.stdout.splitlines() == [
        "NOT complete: no sync began in this period.",
        "The sync log has no matching entry.",
    ]
    assert before.exit_code == 1
    filtered = place.terminal.ask("log", "--day", "2020-01-01", "--status", "failed", "--exit-code")
    assert (filtered.stdout, filtered.exit_code) == ("The sync log has no matching entry.\n", 0)
    assert len(json.loads(place.terminal.ask("log", "--since", "2020-01-01", "--json").stdout)) == 9
    assert (log[0]["trigger"], log[0]["missing"], log[0]["removed"]) == ("manual", 0, 0)
    assert place.terminal.ask("log", "--exit-code").exit_code == 1
    assert place.terminal.ask("log", "--exit-code", "--status", "Success").exit_code == 0
    assert f"{log[0]['from']} to {log[0]['to']}" in place.terminal.ask("log", "--limit", "1").stdout
    upgraded_with_a_past(place)


def upgraded_with_a_past(place: Place) -> None:
    """Upgrade from a release that had the sync log in Dagster's storage alone: it is copied."""
    before = place.terminal.ask("log", "--json").stdout
    engine = sqlalchemy.create_engine(place.warehouse_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("delete from inn8.sync_log_entries")
    engine.dispose()
    assert place.terminal.ask("log", "--json").stdout == "[]\n"
    with pytest.MonkeyPatch.context() as patched:
        versions = chain(["0008"], repeat(migrations.SCHEMA_VERSION))
        patched.setattr(migrations, "found_version", lambda _connection: next(versions))
        done = place.terminal.ask("db", "upgrade")
    assert "Copied 9 entries of the sync log" in done.stdout, done
    known = ("run_id", "entity", "status", "from", "to", "trigger", "counts", "description", "missing")
    after = place.terminal.ask("log", "--json").stdout
    assert [[each[name] for name in known] for each in json.loads(after)] == [
        [each[name] for name in known] for each in json.loads(before)
    ]


@pytest.mark.slow
def test_a_full_sync_brings_every_day_newest_first_in_pieces(place: Place, world: World) -> None:
    done = place.terminal.run("sync", "--full", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    pieces = [each for each in syncs(done.stdout) if each["entity"] == "transactions"]
    assert [each["to"] for each in pieces] == sorted((each["to"] for each in pieces), reverse=True)
    assert len(pieces) == 2
    assert count(place.warehouse_url, "inn8.transactions") == world.count("transactions") > 0
    # As a restore of some tables does: no trigger notices it.
    engine = sqlalchemy.create_engine(place.warehouse_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("set local session_replication_role = replica")
        connection.exec_driver_sql("update inn8.clients set name = 'by hand' where external_id = 'CL-000001'")
        connection.exec_driver_sql("update inn8.transactions set description = 'by hand' where id %% 10 = 0")
    engine.dispose()
    again = {each["entity"]: each for each in syncs(place.terminal.run("sync", "--full", "--json").stdout)}
    assert again["clients"]["repaired"] == 1
    assert count(place.warehouse_url, "inn8.transactions where description = 'by hand'") == 0


class TestOfAnEmptyWorld:
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with world_of_today(clients=0, portfolios=0, transactions=0, days=5) as made:
            yield made

    def test_no_data_is_no_failure(self, place: Place) -> None:
        done = place.terminal.run("sync", "clients", "transactions", "--json")
        assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "NoData")
        assert [each["status"] for each in syncs(done.stdout)] == ["NoData", "NoData"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["Success", "NoData"], "Success"),
        (["NoData", "NoData"], "NoData"),
        (["NoData", "PartialSuccess", "Success"], "PartialSuccess"),
        (["PartialSuccess", "Failed", "Success"], "Failed"),
    ],
)
def test_of_several_statuses_the_worst_counts(statuses: list[str], expected: str) -> None:
    assert worst(map(Status, statuses)) == expected


class TestOfAWorldWithFaultyRecords:
    @staticmethod
    def accept_all(place: Place, folder: Path) -> None:
        """Export the two rejects, then accept one by its reason, and both by the exported file."""
        ask = place.terminal.ask
        sent = json.loads(ask("rejects", "export", "--with-payload", "--reason", "missing_field").stdout)
        assert [(each["external_id"], '"fullName":null' in each["payload"]) for each in sent] == [("CL-X00001", True)]
        exported = ask("rejects", "export", "--format", "csv", "--entity", "clients").stdout
        assert exported.splitlines()[0].startswith("entity,external_id,trade_date,reason_code,reason,")
        assert "payload" not in exported
        (folder / "rejects.csv").write_text(exported, encoding="utf-8")
        by_reason = ask("rejects", "accept", "--reason", "missing_field", "--note", "known", "--by", "anne")
        assert by_reason.stdout.endswith(
            "is accepted. Beginning with the next sync, it no longer causes PartialSuccess.\n"
        )
        (accepted,) = [each for each in json.loads(ask("rejects", "list", "--json").stdout) if each["accepted_at"]]
        assert (accepted["external_id"], accepted["accepted_note"]) == ("CL-X00001", "known (anne)")
        by_file = ask("rejects", "accept", "--file", str(folder / "rejects.csv"), "--note", "ticket 4711")
        assert by_file.stdout.startswith("2 rejects are accepted.")

    @pytest.fixture
    def world(self) -> Iterator[World]:
        with world_of_today(clients=5, portfolios=5, transactions=50, days=5, invalid=2) as made:
            yield made

    @pytest.mark.slow
    def test_rejects_change_the_exit_code_until_they_are_accepted(self, place: Place, tmp_path: Path) -> None:
        partial = place.terminal.run("sync", "clients")
        assert (partial.returncode, "PartialSuccess" in partial.stdout) == (3, True)
        listed = json.loads(place.terminal.ask("rejects", "list", "--json").stdout)
        assert [(each["external_id"], each["reason_code"]) for each in listed] == [
            ("CL-X00001", "missing_field"),
            ("CL-X00002", "wrong_type"),
        ]
        assert not any("payload" in each for each in listed)
        assert place.terminal.ask("rejects", "list", "--exit-code").exit_code == 3
        shown = place.terminal.ask("rejects", "show", str(listed[0]["id"]))
        assert '"fullName":null' in shown.stdout
        number = str(listed[0]["id"])
        place.terminal.ask("rejects", "accept", number, "--note", "too early")
        assert place.terminal.ask("rejects", "retry", "999").exit_code == 1
        retried = place.terminal.run("rejects", "retry", number, "--json")
        assert not [
            each for each in json.loads(place.terminal.ask("rejects", "list", "--json").stdout) if each["accepted_at"]
        ]
        assert (retried.returncode, json.loads(retried.stdout)["status"]) == (3, "PartialSuccess")
        self.accept_all(place, tmp_path)
        assert place.terminal.ask("rejects", "list", "--exit-code").exit_code == 0
        unknown = place.terminal.ask("rejects", "accept", "999", "--note", "unknown")
        assert (unknown.exit_code, "no open reject 999" in unknown.stderr) == (1, True)
        assert place.terminal.run("sync", "clients").returncode == 0

    @pytest.mark.slow
    def test_a_record_is_shown_with_what_inn8_sent(self, place: Place) -> None:
        place.terminal.run("sync")
        client = json.loads(place.terminal.ask("show", "client", "CL-000001", "--json").stdout)
        assert client["row"]["external_id"] == "CL-000001"
        assert json.loads(client["sent"][0]["record"])["fullName"] == client["row"]["name"]
        assert client["row"]["landing_id"] == client["sent"][0]["landing_id"]
        (version,) = client["history"]
        assert (version["record"], version["last_status"]) == (client["sent"][0]["record"], "PartialSuccess")
        of_now = json.loads(place.terminal.ask("show", "client", "CL-000001", "--as-of", "9998-12-31", "--json").stdout)
        assert of_now["row"]["name"] == client["row"]["name"]
        before = place.terminal.ask("show", "client", "CL-000001", "--as-of", "2020-03-31T17:00+02:00")
        assert (before.exit_code, "was stored at 2020-03-31 15:00 UTC" in before.stderr) == (1, True)
        refused = place.terminal.ask("show", "transaction", "TX-X00001")
        assert (refused.exit_code, "its record was rejected" in refused.stdout) == (0, True)
        assert "out_of_range" in refused.stdout
        nobody = place.terminal.ask("show", "client", "cl-000001")
        assert (nobody.exit_code, nobody.stdout) == (1, "")


@pytest.mark.slow
def test_a_rebuild_makes_the_table_from_the_landing_and_asks_inn8_nothing(place: Place) -> None:
    assert place.terminal.run("sync", "clients").returncode == 0
    asked = place.server.stats.requests.total()
    engine = sqlalchemy.create_engine(place.warehouse_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update inn8.clients set name = 'of nobody'")
    engine.dispose()
    done = place.terminal.run("sync", "clients", "--rebuild", "--json")
    assert done.returncode == 0, done
    assert syncs(done.stdout)[0]["counts"]["updated"] == 30
    assert place.server.stats.requests.total() == asked


@pytest.fixture
def acme() -> Iterator[SandboxServer]:
    """Yield the INN8 of a second tenant."""
    with (
        world_of_today(clients=7, portfolios=5, transactions=10, days=2, seed=99) as world,
        SandboxServer(world) as server,
    ):
        yield server


@pytest.mark.slow
def test_several_tenants_are_synced_and_shown_separately(place: Place, acme: SandboxServer) -> None:
    both = place.terminal.but(
        INN8_TENANTS="tests,acme",
        INN8_ACME__BASE_URL=acme.base_url,
        INN8_ACME__CLIENT_ID=acme.client_id,
        INN8_ACME__CLIENT_SECRET=acme.client_secret,
    )
    done = both.run("sync", "clients", "--json")
    assert done.returncode == 0, done
    counts = {each["tenant_id"]: each["record_count"] for each in syncs(done.stdout)}
    assert counts == {"tests": 30, "acme": 7}
    assert "acme/clients" in both.ask("log").stdout
    assert both.ask("rejects", "list").stdout == "There are no open rejects.\n"
    assert [each["tenant_id"] for each in json.loads(both.ask("log", "--tenant", "acme", "--json").stdout)] == ["acme"]
    client = acme.world.records("clients")[0]
    refused = both.ask("show", "client", client["id"])
    assert (refused.exit_code, "Name the tenant with --tenant: tests, acme." in refused.stderr) == (2, True)
    shown = json.loads(both.ask("show", "client", client["id"], "--tenant", "acme", "--json").stdout)
    assert shown["row"]["name"] == client["fullName"]
    assert "'nobody' is not a tenant" in both.ask("log", "--tenant", "nobody").stderr
    renamed = place.terminal.but(INN8_TENANT_ID="firm", INN8_OTHER_TENANTS="acme")
    for command in (("sync",), ("backfill", "transactions", "--from", "2026-01-01")):
        refused = renamed.ask(*command)
        assert (refused.exit_code, "INN8_TENANT_ID does not name tests" in refused.stderr) == (2, True), refused.stderr
    assert "INN8_TENANT_ID=tests" in renamed.ask("doctor").stdout


@pytest.mark.slow
def test_an_unknown_property_is_listed_until_it_is_accepted(place: Place, world: World) -> None:
    world.corrupt("clients", world.records("clients")[0]["id"], loyaltyTier="of-somebody")
    assert place.terminal.run("sync", "clients").returncode == 0
    listed = place.terminal.ask("drift", "list", "--json").stdout
    assert [(each["entity"], each["name"]) for each in json.loads(listed)] == [("clients", "loyaltyTier")]
    assert "of-somebody" not in listed
    assert place.terminal.ask("drift", "accept", "clients", "loyaltyTier", "--note", "not wanted").exit_code == 0
    assert json.loads(place.terminal.ask("drift", "list", "--json").stdout)[0]["accepted_note"] == "not wanted"
    unknown = place.terminal.ask("drift", "accept", "clients", "nothing", "--note", "x")
    assert (unknown.exit_code, "has never sent" in unknown.stderr) == (1, True)


def test_a_backfill_counts_its_days_and_runs_in_plain_words(place: Place, world: World) -> None:
    day = world.first_date.isoformat()
    done = place.terminal.run("backfill", "transactions", "--from", day, "--to", day)
    assert done.stderr.startswith(f"transactions {day}: 1 day in 1 run.\n")
