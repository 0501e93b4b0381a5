"""After a database clock was ahead, syncs fail with instructions, and `heal` keeps the order of the fetches."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import DateTime

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Entity, Window
from inn8_pipeline.errors import FutureLandingError
from inn8_pipeline.warehouse.landing import clock_skew
from inn8_pipeline.warehouse.landing.store import Landing, newest, newest_of_days
from inn8_pipeline.warehouse.merge.results import Counts
from inn8_pipeline.warehouse.schema import tables
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import HISTORY, TENANT, Syncs, october

MONTH = timedelta(days=30)


def land_ahead(syncs: Syncs, records: list[object], entity: Entity = CLIENTS, window: Window | None = None) -> Landing:
    """Land as if the clock had been ahead by a month."""
    landing = syncs.land(entity, records, window)
    put_ahead(syncs, landing, MONTH)
    return landing


def merge_ahead(
    syncs: Syncs, records: list[object], entity: Entity = CLIENTS, window: Window | None = None, by: timedelta = MONTH
) -> Landing:
    """Land and merge as if the clock had been ahead."""
    landing = syncs.land(entity, records, window)
    syncs.merge(landing)
    put_ahead(syncs, landing, by)
    return landing


def put_ahead(syncs: Syncs, landing: Landing, by: timedelta) -> None:
    """Move the start of the landing, wherever it is, and what was written after it."""
    for table in tables.metadata.sorted_tables:
        for column in (each.name for each in table.c if isinstance(each.type, DateTime)):
            syncs.execute(
                f"update {table.fullname} set {column} = {column} + :by where {column} >= :at",
                by=by,
                at=landing.started_at,
            )


def now(syncs: Syncs) -> datetime:
    at: datetime = syncs.query("select clock_timestamp() as at")[0]["at"]
    return at


def test_a_landing_in_the_future_stops_the_next_fetch_and_says_what_to_do(syncs: Syncs) -> None:
    merge_ahead(syncs, [client()])
    with pytest.raises(FutureLandingError, match="inn8 db heal-clock") as caught:
        syncs.land(CLIENTS, [client(fullName="changed")])
    assert caught.value.ahead_seconds == pytest.approx(MONTH.total_seconds(), abs=60)


def test_a_fetch_that_was_stopped_holds_no_lock_however_long_its_error_is_kept(syncs: Syncs) -> None:
    merge_ahead(syncs, [client()])
    with pytest.raises(FutureLandingError) as caught:
        syncs.land(CLIENTS, [client()])
    assert clock_skew.heal(syncs.engine, TENANT, wait_seconds=1).landings == 1
    assert caught.value.entity == "clients"


def test_a_landing_in_the_future_stops_a_rebuild(syncs: Syncs) -> None:
    earlier = syncs.land(CLIENTS, [client(fullName="earlier")])
    merge_ahead(syncs, [client()])
    before = syncs.versions()
    with pytest.raises(FutureLandingError):
        syncs.merge(earlier)
    assert syncs.versions() == before


def test_a_landing_in_the_future_of_another_entity_stops_nobody(syncs: Syncs) -> None:
    land_ahead(syncs, [transaction()], TRANSACTIONS, october(5))
    assert syncs.clients([client()]).counts.inserted == 1


def test_after_a_clock_that_was_ahead_by_a_minute_the_next_sync_is_the_newer_one(syncs: Syncs) -> None:
    merge_ahead(syncs, [client()], by=timedelta(minutes=1))
    result = syncs.clients([client(fullName="changed"), client(id="C-2")])
    assert result.counts == Counts(fetched=2, inserted=1, updated=1)
    assert syncs.row("clients", "C-1")["name"] == "changed"
    assert newest(syncs.engine, TENANT, CLIENTS).records == 2


def test_healing_puts_every_instant_into_the_past_and_the_next_sync_merges(owned: Syncs) -> None:
    first = owned.land(TRANSACTIONS, [transaction(), transaction(id="T-2", fees="x")], HISTORY)
    owned.merge(first)
    sent: list[object] = [transaction(description="ahead"), transaction(id="T-2", fees="y")]
    ahead = merge_ahead(owned, sent, TRANSACTIONS, HISTORY)
    assert clock_skew.heal(owned.engine, TENANT, wait_seconds=5).landings == 1
    row = owned.row("transactions", "T-1")
    assert first.started_at < row["as_of_at"] < now(owned)
    ((landing, _),) = newest_of_days(owned.engine, TENANT, TRANSACTIONS, HISTORY)
    assert (landing.id, landing.started_at) == (ahead.id, row["as_of_at"])
    assert owned.reject()["last_seen_at"] == row["as_of_at"]
    result = owned.transactions([transaction(description="after"), transaction(id="T-2", fees="1")])
    assert result.counts == Counts(fetched=2, inserted=1, updated=1)
    assert owned.row("transactions", "T-1")["description"] == "after"
    assert owned.rejects() == []


def test_healing_keeps_a_missing_row_missing_and_the_next_fetch_removes_it(syncs: Syncs) -> None:
    syncs.clients([client(), client(id="C-2")])
    merge_ahead(syncs, [client()])
    clock_skew.heal(syncs.engine, TENANT, wait_seconds=5)
    assert syncs.row("clients", "C-2")["missing_since"] < now(syncs)
    assert syncs.clients([client()]).removed == 1


def test_a_fetch_that_was_thrown_away_as_older_is_the_newest_after_healing(syncs: Syncs) -> None:
    """Release 0.1 took it for older than the landing in the future, and skipped all of its records."""
    merge_ahead(syncs, [client()])
    syncs.execute("update inn8_raw.landings set started_at = started_at - :by", by=MONTH)
    thrown_away = syncs.land(CLIENTS, [client(fullName="thrown away")])
    ahead = "update inn8_raw.landings set started_at = started_at + :by where id <> :id"
    syncs.execute(ahead, by=MONTH, id=thrown_away.id)
    assert newest(syncs.engine, TENANT, CLIENTS).id == thrown_away.id
    clock_skew.heal(syncs.engine, TENANT, wait_seconds=5)
    rebuilt = syncs.merge(newest(syncs.engine, TENANT, CLIENTS), may_repeat=False)
    assert rebuilt.counts == Counts(fetched=1, updated=1)


def test_where_no_instant_is_in_the_future_nothing_is_healed(syncs: Syncs) -> None:
    syncs.clients([client()])
    before = syncs.versions(), syncs.versions("inn8_raw")
    assert clock_skew.heal(syncs.engine, TENANT, wait_seconds=5).is_nothing
    assert (syncs.versions(), syncs.versions("inn8_raw")) == before


def test_an_open_circuit_in_the_future_is_healed(syncs: Syncs) -> None:
    opened = (
        "insert into inn8.circuits (tenant_id, circuit, failures, opened_until) "
        "values (:tenant, '/clients', 5, now() + :by)"
    )
    syncs.execute(opened, tenant=TENANT, by=MONTH)
    assert not clock_skew.heal(syncs.engine, TENANT, wait_seconds=5).is_nothing
    assert syncs.query("select opened_until <= now() as is_over from inn8.circuits") == [{"is_over": True}]


def test_another_tenants_instants_are_left_alone(syncs: Syncs) -> None:
    merge_ahead(syncs, [client()])
    assert clock_skew.heal(syncs.engine, "t2", wait_seconds=5).is_nothing
    assert syncs.row("clients", "C-1")["as_of_at"] > now(syncs)
