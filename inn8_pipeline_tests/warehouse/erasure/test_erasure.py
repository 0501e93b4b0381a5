"""After an erasure nothing of the person is found, the data of others is unchanged, and syncs continue."""

import json
from dataclasses import replace
from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.errors import NotOwnerError, StillSentError, SyncLockedError
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.landing.pages import stored_pages
from inn8_pipeline.warehouse.landing.store import newest, newest_of_days
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.results import StoredCounts
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline_tests.transform.builders import body, client, portfolio, transaction
from inn8_pipeline_tests.warehouse.erasure.conftest import NEIGHBOUR, THANDI, THEIRS, theirs
from inn8_pipeline_tests.warehouse.logins import new_login, url_of
from inn8_pipeline_tests.warehouse.syncs import HISTORY, TENANT, Syncs, october

OPTIONS = MergeOptions(TRANSFORM_VERSION, HISTORY)
TRACES = (
    "Thandi", "Nkosi", "thandi@example.com", "082 555 0134", "0825550134", "(082) 555-0134", "000123", "C-1", "P-1",
    "P-9", "T-1", "Debit order",
)  # fmt: skip


def everything(syncs: Syncs) -> str:
    """Return every row of every table, with bytes as text, and the statistics of the planner."""
    tables = syncs.query("select schemaname || '.' || tablename as name from pg_tables where schemaname like 'inn8%'")
    found = [row["t"] for each in tables for row in syncs.query(f"select t::text from {each['name']} t")]
    found += [row["t"] for row in syncs.query("select s::text as t from pg_stats s where schemaname like 'inn8%'")]
    pages = [row["body"] for row in syncs.query("select body::text from inn8_raw.pages")]
    return "\n".join([*found, *pages, *(json.dumps(json.loads(page), ensure_ascii=False) for page in pages)])


def traces(syncs: Syncs) -> set[str]:
    left = everything(syncs)
    assert "Sipho Dlamini" in left
    return {each for each in TRACES if each in left}


@pytest.mark.parametrize("filled", [True, False], ids=["chunks", "pages"], indirect=True)
def test_nothing_of_the_person_is_found_afterwards(filled: Syncs) -> None:
    assert traces(filled) >= {"Thandi", "(082) 555-0134", "000123", "C-1", "P-9", "T-1"}
    erased = erase.erase(filled.engine, THANDI, redact)
    assert traces(filled) == set()
    assert erased.rows == {"clients": 1, "portfolios": 1, "transactions": 1}
    assert erased.versions == {"clients": 1, "portfolios": 1, "transactions": 1}
    assert erased.records == {CLIENTS: 2, PORTFOLIOS: 2, TRANSACTIONS: 3}
    assert (erased.rejects, erased.pages, erased.still_sent) == (4, 5, ())
    assert erase.look(filled.engine, THANDI, redact).is_nothing


def test_past_versions_that_name_the_person_go_though_the_rows_are_anothers_or_gone(filled: Syncs) -> None:
    filled.portfolios([portfolio(clientId="C-2", name="theirs by now"), THEIRS])
    filled.execute("delete from inn8.clients where external_id = 'C-1'")
    erased = erase.erase(filled.engine, THANDI, redact)
    assert (erased.rows["clients"], erased.versions["clients"], erased.versions["portfolios"]) == (0, 2, 2)
    assert filled.query("select from inn8_history.clients where external_id = 'C-1'") == []
    assert {row["client_external_id"] for row in filled.query("select * from inn8.portfolio_history")} == {"C-2"}


def test_a_dry_look_counts_the_same_and_changes_nothing(filled: Syncs) -> None:
    before = filled.versions(), filled.versions("inn8_raw")
    preview = erase.look(filled.engine, THANDI, redact)
    assert (filled.versions(), filled.versions("inn8_raw")) == before
    assert preview == erase.erase(filled.engine, THANDI, redact)
    assert "C-1" not in repr(THANDI) + repr(preview)


def test_what_is_others_stays_to_the_letter(filled: Syncs) -> None:
    kept = "select * from inn8.{} where external_id = any (:ids) order by id"
    others = {"clients": ["C-2"], "portfolios": ["P-2"], "transactions": ["X-1", "X-2"], "rejected_records": ["X-3"]}
    before = {table: filled.query(kept.format(table), ids=ids) for table, ids in others.items()}
    assert all(before.values())
    erase.erase(filled.engine, THANDI, redact)
    assert {table: filled.query(kept.format(table), ids=ids) for table, ids in others.items()} == before
    sent = [record for row in filled.query("select body from inn8_raw.pages") for record in row["body"]]
    assert {json.dumps(record) for record in sent} == {
        json.dumps(record)
        for record in (
            NEIGHBOUR, THEIRS, theirs(), theirs(id="X-2", tradeDate="2026-10-06"), theirs(id="X-3", fees="x"),
        )
    }  # fmt: skip


# A landing's `byte_count` is what INN8 sent: chunks have no blanks between their records.
@pytest.mark.parametrize("filled", [True, False], ids=["chunks", "pages"], indirect=True)
def test_the_landings_name_the_rewritten_pages_with_their_counts(filled: Syncs) -> None:
    erase.erase(filled.engine, THANDI, redact)
    wrong = filled.query(
        """
        select l.id from inn8_raw.landings l cross join lateral unnest(l.page_digests) as d (sha256)
          left join inn8_raw.page_groups g on g.tenant_id = l.tenant_id and g.sha256 = d.sha256
          cross join lateral unnest(coalesce(g.page_digests, array[d.sha256])) as e (sha256)
          left join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = e.sha256
         group by l.tenant_id, l.id
        having bool_or(p.sha256 is null) or sum(p.record_count) <> l.record_count
            or sum(p.byte_count) <> l.byte_count and not bool_or(g.sha256 is not null)
            or bool_or(g.sha256 <> sha256((select string_agg(o.sha256, ''::bytea order by o.place)
                                             from unnest(g.page_digests) with ordinality as o (sha256, place))))
            or bool_or(p.sha256 <> sha256(convert_to(p.body::text, 'UTF8')))
            or bool_or(p.record_count <> json_array_length(p.body))
            or bool_or(p.byte_count <> octet_length(convert_to(p.body::text, 'UTF8')))
            or not bool_and(octet_length(p.record_digests) = 16 * p.record_count)
        """
    )
    assert wrong == []
    assert filled.query("select from inn8_raw.landings where is_repeatable and record_count = 1") != []


def test_the_counts_of_a_rewritten_landing_are_no_longer_compared_with_its_pages(filled: Syncs) -> None:
    erase.erase(filled.engine, THANDI, redact)
    kept = filled.query("select counts from inn8_raw.landings where not is_repeatable and merged_at is not null")
    rewritten = [row["counts"] for row in kept if "merged" not in row["counts"]]
    assert rewritten
    assert all(StoredCounts.from_json(each).merged.fetched == 0 for each in rewritten)


def test_an_unconfirmed_row_of_the_person_is_erased(syncs: Syncs) -> None:
    syncs.clients([client(), NEIGHBOUR])
    syncs.merge(syncs.land(CLIENTS, [NEIGHBOUR], has_duplicates=True))
    assert len(syncs.query("select from inn8.unconfirmed_rows")) == 1
    erase.erase(syncs.engine, THANDI, redact)
    assert syncs.query("select from inn8.unconfirmed_rows") == []


def test_the_next_syncs_and_a_rebuild_reconcile(filled: Syncs) -> None:
    erase.erase(filled.engine, THANDI, redact)
    for landing, days in newest_of_days(filled.engine, TENANT, TRANSACTIONS, HISTORY):
        rebuilt = filled.merge(landing, days, may_repeat=False)
        assert (rebuilt.counts.fetched, rebuilt.counts.unchanged) == (landing.records, 2)
    for entity in (CLIENTS, PORTFOLIOS):
        landing = newest(filled.engine, TENANT, entity)
        assert filled.merge(landing, may_repeat=False).counts.unchanged == 1
        assert sum(len(json.loads(page.body)) for page in stored_pages(filled.engine, landing)) == landing.records
    assert filled.clients([NEIGHBOUR, {**NEIGHBOUR, "id": "C-3"}]).counts.inserted == 1
    assert filled.portfolios([THEIRS]).counts.unchanged == 1
    assert filled.transactions([theirs(), theirs(id="X-2", tradeDate="2026-10-06")]).counts.unchanged == 2
    assert traces(filled) == set()


def test_a_fetch_of_the_rewritten_pages_is_merged_and_not_taken_for_a_repeat(filled: Syncs) -> None:
    filled.clients([client(), NEIGHBOUR])
    erase.erase(filled.engine, THANDI, redact, may_be_sent=True)
    again = filled.clients([NEIGHBOUR])
    assert (again.is_repeat, again.counts.fetched, again.counts.unchanged) == (False, 1, 1)


@pytest.mark.parametrize(
    ("entity", "records"),
    [
        (CLIENTS, [client(), NEIGHBOUR]),
        (PORTFOLIOS, [portfolio(), THEIRS]),
        (TRANSACTIONS, [transaction(), theirs()]),
    ],
)
def test_whom_inn8_still_sends_is_erased_only_where_that_is_allowed(
    filled: Syncs, entity: Entity, records: list[Any]
) -> None:
    window = HISTORY if entity is TRANSACTIONS else None
    filled.merge(filled.land(entity, records, window))
    before = filled.versions(), filled.versions("inn8_raw")
    assert erase.look(filled.engine, THANDI, redact).still_sent == (entity,)
    with pytest.raises(StillSentError, match=f"still sends this person's data \\({entity}\\)"):
        erase.erase(filled.engine, THANDI, redact)
    assert (filled.versions(), filled.versions("inn8_raw")) == before
    erase.erase(filled.engine, THANDI, redact, may_be_sent=True)
    assert traces(filled) == set()


def test_whom_inn8_has_erased_can_be_erased_though_it_answered_with_nothing_since(filled: Syncs) -> None:
    filled.clients([client()])
    filled.portfolios([portfolio()])
    filled.transactions([transaction()])
    assert erase.look(filled.engine, THANDI, redact).still_sent == (CLIENTS, PORTFOLIOS, TRANSACTIONS)
    for entity in (CLIENTS, PORTFOLIOS, TRANSACTIONS):
        filled.merge(filled.land(entity, [], HISTORY if entity.has_days else None))
    assert erase.erase(filled.engine, THANDI, redact).still_sent == ()
    assert "Thandi" not in everything(filled)


def test_a_login_that_may_not_erase_gets_an_error_that_names_the_setting(filled: Syncs) -> None:
    with new_login(filled.url) as login:
        access.grant_writer(filled.engine, login)
        with Syncs(url_of(filled.url, login)) as writing, pytest.raises(NotOwnerError, match="INN8_OWNER_DATABASE_URL"):
            erase.erase(writing.engine, THANDI, redact)
    assert "Thandi" in everything(filled)


def test_what_a_day_was_merged_from_last_counts_as_sent_though_other_days_came_later(filled: Syncs) -> None:
    filled.transactions([transaction(), theirs()], october(5))
    filled.transactions([theirs(id="X-2", tradeDate="2026-10-06")], october(6))
    assert erase.look(filled.engine, THANDI, redact).still_sent == (TRANSACTIONS,)


def test_a_portfolio_that_is_anothers_by_now_keeps_all_but_the_records_that_name_the_person(filled: Syncs) -> None:
    filled.portfolios([portfolio(clientId="C-2"), THEIRS])
    filled.transactions([transaction(), theirs()])
    erased = erase.erase(filled.engine, THANDI, redact)
    assert erased.rows == {"clients": 1, "portfolios": 0, "transactions": 0}
    assert filled.ids("portfolios") == ["P-1", "P-2"]
    assert "T-1" in filled.ids("transactions")
    assert "C-1" not in everything(filled)


def test_pages_of_a_fetch_that_broke_off_go_too(filled: Syncs) -> None:
    broken = LandingWriter(filled.engine, TENANT, CLIENTS, None, "run", in_chunks=False)
    broken.add(body(client(fullName="Thandi Broken")), 1)
    with pytest.raises(SyncLockedError):
        erase.erase(filled.engine, THANDI, redact, wait_seconds=0.2)
    assert "Thandi Broken" in everything(filled)
    broken._close()  # noqa: SLF001 (as its process's end would)
    erase.erase(filled.engine, THANDI, redact, wait_seconds=5)
    assert traces(filled) == set()


def test_an_erasure_waits_for_a_merge_under_way(filled: Syncs) -> None:
    landing = filled.land(PORTFOLIOS, [THEIRS])
    waited: list[bool] = []

    def erase_too() -> None:
        with pytest.raises(SyncLockedError, match="portfolios"):
            erase.erase(filled.engine, THANDI, redact, wait_seconds=0.2)
        waited.append(True)

    filled.merge_with(landing, None, replace(OPTIONS, may_repeat=False), when_staged=erase_too)
    assert waited == [True]


def test_another_tenants_client_of_the_same_id_stays(filled: Syncs) -> None:
    assert erase.look(filled.engine, DataSubject("t2", "C-1"), redact).is_nothing
    before = filled.versions()
    assert erase.erase(filled.engine, DataSubject("t2", "C-1"), redact).is_nothing
    assert filled.versions() == before
