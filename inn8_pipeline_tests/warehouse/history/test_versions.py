"""Each replaced version of a row is kept: with its values, its instants, what ended it and why. Nothing else is."""

from datetime import datetime, timedelta

import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.warehouse.history import diff, pruning
from inn8_pipeline.warehouse.history.diff import DiffFilter
from inn8_pipeline.warehouse.landing import clock_skew
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline_tests.transform.builders import client, portfolio, security, transaction
from inn8_pipeline_tests.warehouse.logins import new_login, session
from inn8_pipeline_tests.warehouse.syncs import HISTORY, TENANT, Row, Syncs, october

TABLES = ("clients", "portfolios", "securities", "transactions")


def past(syncs: Syncs, table: str) -> list[Row]:
    return syncs.query(f"select * from inn8_history.{table} order by id, valid_to")


def reasons(syncs: Syncs, table: str) -> list[str]:
    return [row["reason"] for row in past(syncs, table)]


def as_of(syncs: Syncs, instant: datetime, name: str = "clients") -> list[Row]:
    return syncs.query(f"select * from inn8.{name}_as_of(:instant) order by external_id", instant=instant)


def test_a_first_load_and_an_unchanged_sync_keep_no_version(owned: Syncs) -> None:
    landing = owned.land(CLIENTS, [client(), client(id="C-2")])
    owned.merge(landing)
    for may_repeat in (True, False):
        owned.transactions([transaction()], may_repeat=may_repeat)
    assert [past(owned, table) for table in TABLES] == [[]] * 4
    new = owned.row("clients", "C-2")
    assert (new["landing_id"], new["valid_from"]) == (landing.id, landing.started_at)


def test_an_update_keeps_the_replaced_version_with_what_ended_it(owned: Syncs) -> None:
    before = owned.row("clients", "C-1")
    landing = owned.land(CLIENTS, [client(fullName="Thandi Dlamini")])
    owned.merge(landing)
    (version,) = past(owned, "clients")
    assert {name: version[name] for name in before} == before
    assert (version["valid_to"], version["reason"]) == (landing.started_at, "updated")
    assert (version["ended_by_landing_id"], version["ended_by_run_id"]) == (landing.id, "run")
    now = owned.row("clients", "C-1")
    assert (now["landing_id"], now["valid_from"]) == (landing.id, landing.started_at)


def test_a_row_goes_missing_is_removed_and_comes_back(syncs: Syncs) -> None:
    both = [client(), client(id="C-2")]
    for sent in (both, both[:1], both[:1], both):
        syncs.clients(sent)
    assert reasons(syncs, "clients") == ["missing", "removed", "revived"]
    versions = past(syncs, "clients")
    assert [each["valid_to"] for each in versions] == [
        *(each["valid_from"] for each in versions[1:]),
        syncs.row("clients", "C-2")["valid_from"],
    ]
    assert all(each["valid_from"] < each["valid_to"] for each in versions)


def test_the_history_of_a_security_is_kept(owned: Syncs) -> None:
    owned.transactions([transaction()])
    owned.transactions([transaction(security=security(name="Renamed"))])
    (version,) = past(owned, "securities")
    assert (version["name"], version["reason"]) == (security()["name"], "updated")
    assert past(owned, "transactions") == []


def test_a_version_that_one_merge_writes_and_replaces_is_not_kept(owned: Syncs) -> None:
    owned.portfolios([portfolio(name="new"), portfolio(clientId="C-9", name=7)])
    (version,) = past(owned, "portfolios")
    assert version["valid_from"] < version["valid_to"] == owned.row("portfolios", "P-1")["valid_from"]


def test_an_edit_by_hand_and_the_sync_that_repairs_it_are_kept(syncs: Syncs) -> None:
    syncs.clients([client()])
    syncs.execute("update inn8.clients set phone = ''")
    edited = syncs.row("clients", "C-1")
    assert edited["landing_id"] is None
    syncs.clients([client()], may_repeat=False)
    assert reasons(syncs, "clients") == ["edited by hand", "updated"]
    assert [each["phone"] == "" for each in past(syncs, "clients")] == [False, True]
    assert past(syncs, "clients")[0]["ended_by_landing_id"] is None


def test_an_edit_by_hand_in_the_middle_of_a_fetch_reverses_no_instant(syncs: Syncs) -> None:
    syncs.clients([client()])
    landing = syncs.land(CLIENTS, [client(fullName="sent")])
    syncs.execute("update inn8.clients set name = 'by hand'")
    syncs.merge(landing)
    first, second = past(syncs, "clients")
    assert first["valid_from"] < first["valid_to"] == second["valid_from"] < second["valid_to"]
    assert second["valid_to"] == syncs.row("clients", "C-1")["valid_from"] > landing.started_at


def test_an_update_of_our_own_instants_alone_keeps_no_version(syncs: Syncs) -> None:
    syncs.clients([client()])
    before = syncs.row("clients", "C-1")["valid_from"]
    syncs.execute("update inn8.clients set updated_at = now(), as_of_at = now(), created_at = now()")
    assert past(syncs, "clients") == []
    assert syncs.row("clients", "C-1")["valid_from"] == before


@pytest.mark.parametrize("statement", ["delete from inn8.{}", "truncate inn8.{} cascade"])
def test_rows_that_are_deleted_by_hand_are_kept(owned: Syncs, statement: str) -> None:
    owned.transactions([transaction(), transaction(id="T-2")])
    before = owned.rows("transactions")
    owned.execute(statement.format("transactions"))
    kept = past(owned, "transactions")
    assert [{name: row[name] for name in before[0]} for row in kept] == before
    assert reasons(owned, "transactions") == ["edited by hand"] * 2
    assert as_of(owned, before[0]["valid_from"], "transactions") != []


def test_an_out_of_order_landing_counts_from_when_it_is_merged(owned: Syncs) -> None:
    late = owned.land(PORTFOLIOS, [portfolio(id="P-2")])
    newer = owned.land(CLIENTS, [client(fullName="newer")])
    owned.merge(newer)
    owned.merge(late)
    row = owned.row("portfolios", "P-2")
    assert late.started_at < newer.started_at < row["valid_from"]
    assert row["landing_id"] == late.id
    assert [row["external_id"] for row in as_of(owned, newer.started_at, "portfolios")] == ["P-1"]
    assert [row["external_id"] for row in as_of(owned, row["valid_from"], "portfolios")] == ["P-1", "P-2"]
    after = owned.land(CLIENTS, [client(fullName="after")])
    owned.merge(after)
    assert owned.row("clients", "C-1")["valid_from"] == after.started_at


def test_a_landing_merged_again_counts_from_then(syncs: Syncs) -> None:
    landing = syncs.land(CLIENTS, [client()])
    syncs.merge(landing)
    syncs.execute("update inn8.clients set name = 'by hand'")
    syncs.merge(landing, may_repeat=False)
    assert [row["name"] for row in as_of(syncs, landing.started_at)] == [client()["fullName"]]
    versions = past(syncs, "clients")
    assert [each["reason"] for each in versions] == ["edited by hand", "updated"]
    assert versions[1]["valid_from"] < versions[1]["valid_to"]


def test_a_landing_older_than_some_days_dates_the_others_from_its_merge(owned: Syncs) -> None:
    owned.transactions([transaction(), transaction(id="T-2", tradeDate="2026-10-07")])
    sent = [transaction(amount=5), transaction(id="T-2", tradeDate="2026-10-07", amount=5)]
    wide = owned.land(TRANSACTIONS, sent, HISTORY)
    owned.transactions([transaction(amount=6)], october(5))
    owned.merge(wide)
    rows = {row["external_id"]: row for row in owned.rows("transactions")}
    assert [str(rows[each]["amount"])[0] for each in ("T-1", "T-2")] == ["6", "5"]
    assert rows["T-2"]["valid_from"] > rows["T-1"]["valid_from"] > wide.started_at
    assert all(each["valid_from"] < each["valid_to"] for each in past(owned, "transactions"))


def test_healing_a_clock_keeps_one_version_for_each_instant(syncs: Syncs) -> None:
    syncs.clients([client()])
    syncs.clients([client(fullName="ahead")])
    syncs.execute("update inn8_raw.landings set started_at = started_at + interval '9 days' where id > 1")
    syncs.execute("update inn8.clients set valid_from = valid_from + interval '9 days'")
    syncs.execute("update inn8_history.clients set valid_to = valid_to + interval '9 days'")
    clock_skew.heal(syncs.engine, TENANT, wait_seconds=5)
    (version,) = past(syncs, "clients")
    row = syncs.row("clients", "C-1")
    now = syncs.query("select now() as at")[0]["at"]
    assert version["valid_from"] < version["valid_to"] == row["valid_from"] <= now
    assert [each["name"] for each in as_of(syncs, now)] == ["ahead"]


def test_a_writer_can_neither_write_without_history_nor_change_it(syncs: Syncs) -> None:
    syncs.clients([client()])
    with new_login(syncs.url) as login:
        access.grant_writer(syncs.engine, login)
        with session(syncs.url, login) as writer:
            writer.connection.execute("set search_path = pg_temp, public")
            writer.connection.execute("update inn8.clients set name = 'by hand', valid_from = '1990-01-01'")
            for statement in (
                "insert into inn8_history.clients select * from inn8_history.clients",
                "update inn8_history.clients set name = 'forged'",
                "truncate inn8_history.clients",
                "alter table inn8.clients disable trigger all",
                "set session_replication_role = replica",
                "select inn8_history.keep_clients()",
            ):
                assert writer.refuses(statement), statement
    assert reasons(syncs, "clients") == ["edited by hand"]
    assert past(syncs, "clients")[0]["valid_from"] < syncs.row("clients", "C-1")["valid_from"]


def test_versions_that_ended_before_the_retention_are_deleted_and_no_other_and_no_row(syncs: Syncs) -> None:
    for number in range(4):
        syncs.clients([client(fullName=f"name {number}")])
    syncs.execute(
        "update inn8_history.clients set valid_from = now() - make_interval(days => case name when 'name 0' then 20"
        " else 8 end), valid_to = case name when 'name 0' then now() - interval '8 days' else valid_to end"
        " where name in ('name 0', 'name 1')"
    )
    later = syncs.query("select min(valid_from) as at from inn8_history.clients where name = 'name 1'")[0]["at"]
    assert pruning.prune(syncs.engine, "other", days=7) == 0
    assert pruning.prune(syncs.engine, TENANT, days=7) == 1
    assert [row["name"] for row in past(syncs, "clients")] == ["name 1", "name 2"]
    assert [row["name"] for row in as_of(syncs, later)] == ["name 1"]
    assert syncs.row("clients", "C-1")["name"] == "name 3"
    with syncs.engine.connect() as connection:
        since = later - timedelta(days=365)
        found = [each.reason for each in diff.read(connection, CLIENTS, DiffFilter([TENANT], since=since))]
    assert set(found) == {"updated"}
