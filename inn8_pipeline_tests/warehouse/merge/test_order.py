"""Nothing newer is overwritten by something older: slow fetches, kept payloads, and whole days already merged."""

from typing import Any

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.warehouse.landing.store import newest, newest_of_days
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline_tests.transform.builders import client, portfolio, security, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, october


def traded(day: int, description: str = "", number: int = 1, **changes: object) -> dict[str, Any]:
    return transaction(id=f"T-{number}", tradeDate=f"2026-10-{day:02}", description=description, **changes)


def test_a_snapshot_fetched_earlier_changes_nothing_after_a_later_one(syncs: Syncs) -> None:
    slow = syncs.land(CLIENTS, [client(fullName="older"), client(id="C-2")])
    syncs.clients([client(fullName="newer")])
    before = syncs.versions()
    result = syncs.merge(slow)
    assert result.counts == Counts(fetched=2, skipped=2)
    assert result.status is Status.PARTIAL_SUCCESS
    assert syncs.versions() == before


def test_a_slow_backfill_writes_only_the_days_that_no_tick_has_merged_since(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(4, "older", 1), traded(5, "older", 2)], october(4, 5))
    owned.transactions([traded(5, "newer", 2)], october(5))
    result = owned.merge(slow)
    assert result.counts == Counts(fetched=2, inserted=1, skipped=1)
    assert owned.row("transactions", "T-2")["description"] == "newer"
    covered = owned.query("select landing_id from inn8.sync_coverage where trade_date is not null order by trade_date")
    assert [each["landing_id"] == slow.id for each in covered] == [True, False]


def test_a_slow_backfill_does_not_move_a_transaction_back(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(4, "older")], october(4))
    owned.transactions([traded(5, "newer")], october(5))
    assert owned.merge(slow).counts == Counts(fetched=1, skipped=1)
    assert owned.row("transactions", "T-1")["description"] == "newer"


def test_a_slow_backfill_knows_a_confirmation_that_wrote_nothing(owned: Syncs) -> None:
    """The row was written first, then seen again unchanged; in between the slow fetch saw it elsewhere."""
    owned.transactions([traded(5, "same")], october(5))
    slow = owned.land(TRANSACTIONS, [traded(4, "flicker")], october(4))
    assert owned.transactions([traded(5, "same")], october(5)).is_repeat
    assert owned.merge(slow).counts == Counts(fetched=1, skipped=1)
    assert owned.row("transactions", "T-1")["description"] == "same"


def test_a_record_skipped_as_older_is_merged_when_inn8_sends_it_again(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(4)], october(4))
    owned.transactions([traded(5)], october(5))
    owned.merge(slow)
    result = owned.transactions([traded(4)], october(4))
    assert result.counts == Counts(fetched=1, updated=1)
    assert owned.row("transactions", "T-1")["trade_date"].day == 4


def test_a_slow_backfill_opens_no_reject_for_a_row_that_is_newer(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(4, fees="x")], october(4))
    owned.transactions([traded(5)], october(5))
    result = owned.merge(slow)
    assert result.counts == Counts(fetched=1, skipped=1)
    assert (result.status, result.open_rejects) == (Status.PARTIAL_SUCCESS, 0)


def test_a_slow_backfill_heals_no_reject_that_is_newer(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(4)], october(4))
    owned.transactions([traded(5, fees="x")], october(5))
    owned.merge(slow)
    assert owned.reject()["external_id"] == "T-1"


def test_a_slow_backfill_does_not_mark_what_came_after_it(owned: Syncs) -> None:
    owned.transactions([traded(5, number=2)], october(4, 5))
    slow = owned.land(TRANSACTIONS, [traded(5, number=2)], october(4, 5))
    owned.transactions([traded(4)], october(4))
    assert owned.merge(slow).missing == 0
    assert owned.row("transactions", "T-1")["missing_since"] is None


def test_a_row_of_a_newer_fetch_is_not_marked_even_if_its_watermark_is_lost(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(5, number=2)], october(4, 5))
    owned.transactions([traded(4)], october(4))
    owned.execute("delete from inn8.sync_coverage where entity = 'transactions'")
    assert owned.merge(slow).missing == 0


def test_a_security_s_name_does_not_come_from_an_older_fetch_of_the_same_day(owned: Syncs) -> None:
    slow = owned.land(TRANSACTIONS, [traded(5, security=security(name="older"))], october(4, 5))
    owned.transactions([traded(5, security=security(name="newer"))], october(5))
    owned.merge(slow)
    assert owned.row("securities", "S-1")["name"] == "newer"


def test_a_security_s_name_does_not_come_from_a_kept_payload_of_a_day_known_since(owned: Syncs) -> None:
    owned.transactions([traded(5, portfolioId="P-2", security=security(name="kept"))], october(5))
    owned.transactions([traded(6, number=2, security=security(name="newer"))], october(6))
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    assert owned.transactions([traded(7, number=3, security=None)], october(7)).counts.retried == 1
    assert owned.row("securities", "S-1")["name"] == "newer"


def test_a_security_s_name_does_not_come_from_a_kept_payload_of_the_same_day(owned: Syncs) -> None:
    kept = security(name="kept")
    owned.transactions([traded(5, portfolioId="P-2", security=kept), traded(5, number=4, security=kept)], october(5))
    newer = owned.land(
        TRANSACTIONS, [traded(5, number=4, security=security(name="newer"))], october(5), has_duplicates=True
    )
    owned.merge(newer)
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    result = owned.transactions([traded(7, number=3, security=None)], october(7))
    assert result.counts == Counts(fetched=1, retried=1, inserted=2)
    assert owned.row("securities", "S-1")["name"] == "newer"


def test_a_security_of_a_kept_payload_is_as_old_as_its_fetch(owned: Syncs) -> None:
    landing = owned.land(TRANSACTIONS, [traded(5, portfolioId="P-2")], october(5))
    owned.merge(landing)
    owned.execute("delete from inn8.securities")
    owned.portfolios([portfolio(), portfolio(id="P-2")])
    owned.transactions([traded(7, number=3, security=None)], october(7))
    assert owned.row("securities", "S-1")["as_of_at"] == landing.started_at


def test_a_rebuild_from_the_landing_alone_ends_as_the_sync_did(owned: Syncs) -> None:
    owned.transactions([traded(4), traded(5, number=2)], october(4, 5))
    owned.transactions([traded(5, "newer", 2)], october(5))
    before = owned.query("select external_id, description, trade_date from inn8.transactions order by 1")
    owned.execute("update inn8.transactions set description = 'spoilt'")
    found = newest_of_days(owned.engine, TENANT, TRANSACTIONS, october(4, 5))
    assert [{day.day for day in days} for _, days in found] == [{4}, {5}]
    for landing, days in found:
        assert owned.merge(landing, days, may_repeat=False).counts.updated == 1
    assert owned.query("select external_id, description, trade_date from inn8.transactions order by 1") == before


def test_a_rebuild_after_repeats_starts_from_the_newest_of_them(syncs: Syncs) -> None:
    syncs.clients([client()])
    assert syncs.clients([client()]).is_repeat
    syncs.execute("update inn8.clients set name = 'spoilt'")
    landing = newest(syncs.engine, TENANT, CLIENTS)
    assert syncs.merge(landing, may_repeat=False).counts == Counts(fetched=1, updated=1)
    assert syncs.row("clients", "C-1")["name"] == "Thandi Nkosi"
