"""Records that are the same as before are found by their digests, and a tick leaves them alone."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.errors import MassChangeError
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.landing import pages as landed_pages
from inn8_pipeline.warehouse.landing.pages import stored_pages
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.results import Counts, SyncResult
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline_tests.transform.builders import client, security, transaction
from inn8_pipeline_tests.warehouse.syncs import HISTORY, Syncs, WatchedReader, many, october


def merge(syncs: Syncs, landing: Landing, *, version: int = TRANSFORM_VERSION) -> tuple[SyncResult, list[list[int]]]:
    """Merge as a tick does; return the ordinals of the records that were decoded too."""
    source = WatchedReader(syncs.engine, landing, batch_size=1000)
    days = frozenset(landing.window.days()) if landing.window else None
    options = MergeOptions(version, full_window=HISTORY)
    result = merge_landing(syncs.engine, landing, days, options, lambda: source)
    return result, [each for each in source.chosen if each]


def test_a_tick_decodes_only_the_records_that_differ(syncs: Syncs) -> None:
    sent = many(client, 50)
    syncs.clients(sent)
    before = syncs.versions()["clients"]
    sent[7] = client(id="X-007", fullName="changed")
    result, decoded = merge(syncs, syncs.land(CLIENTS, [client(id="new"), *sent], page_size=20))
    assert decoded == [[0, 8]]
    assert result.counts == Counts(fetched=51, inserted=1, updated=1, unchanged=49)
    assert syncs.row("clients", "X-007")["name"] == "changed"
    assert len(set(before) & set(syncs.versions()["clients"])) == 49


def test_a_sync_by_other_rules_reads_every_record(syncs: Syncs) -> None:
    sent = many(client, 9)
    syncs.clients(sent)
    result, decoded = merge(syncs, syncs.land(CLIENTS, [*sent, client()]), version=TRANSFORM_VERSION + 1)
    assert decoded == []
    assert result.counts == Counts(fetched=10, inserted=1, unchanged=9)
    result, decoded = merge(syncs, syncs.land(CLIENTS, [client(), *sent]), version=TRANSFORM_VERSION + 1)
    assert decoded == []
    assert result.counts == Counts(fetched=10, unchanged=10)


def test_a_digest_that_is_stored_later_writes_no_version_and_no_time(syncs: Syncs) -> None:
    sent = many(client, 9)
    syncs.clients(sent)
    syncs.execute("update inn8.clients set record_digest = null")
    before = [{**row, "record_digest": None} for row in syncs.rows("clients")]
    assert syncs.clients(sent[::-1]).counts == Counts(fetched=9, unchanged=9)
    assert [{**row, "record_digest": None} for row in syncs.rows("clients")] == before
    assert syncs.query("select 1 from inn8_history.clients") == []
    _, decoded = merge(syncs, syncs.land(CLIENTS, [*sent, client()]))
    assert decoded == [[9]]


def test_a_value_that_is_not_listed_is_reported_by_every_tick(syncs: Syncs) -> None:
    sent = [*many(client, 9), client(status="dormant")]
    first = syncs.clients(sent)
    again = syncs.clients([client(id="new"), *sent])
    assert first.drift_found.records == again.drift_found.records == {"status": 1}


def test_unknown_properties_are_reported_while_records_that_have_them_are_sent(syncs: Syncs) -> None:
    sent = many(client, 9, nickname="T")
    syncs.clients(sent)
    assert syncs.clients([client(id="new"), *sent]).drift_found.properties == ("nickname",)


def test_the_bound_on_mass_changes_is_a_share_of_all_rows(syncs: Syncs) -> None:
    sent = many(client, 100)
    syncs.clients(sent)
    renamed = [client(id=each["id"], fullName="changed") for each in sent[:30]]
    assert syncs.clients([*renamed, *sent[30:]]).counts.updated == 30
    changed = [client(id=each["id"], fullName="again") for each in sent[:31]]
    with pytest.raises(MassChangeError):
        syncs.clients([*changed, *sent[31:]])


def test_the_newest_record_of_a_security_decides_though_it_is_the_same(owned: Syncs) -> None:
    def traded(number: int, day: int, name: str) -> dict[str, Any]:
        return transaction(id=f"T-{number}", tradeDate=f"2026-10-0{day}", security=security(name=name))

    old = [*(traded(number, 5, "old") for number in range(5)), traded(9, 6, "newest")]
    owned.transactions(old)
    owned.transactions([traded(10, 6, "older"), *old])
    assert owned.row("securities", "S-1")["name"] == "newest"


def test_a_row_that_was_edited_by_hand_is_repaired_and_counted_by_a_sync_that_compares_values(syncs: Syncs) -> None:
    sent = many(client, 9)
    syncs.clients(sent)
    syncs.execute("update inn8.clients set name = 'by hand' where external_id = 'X-003'")
    tick = syncs.clients([client(id="new"), *sent])
    assert (tick.counts.unchanged, tick.repaired) == (9, 0)
    sweep = syncs.clients([client(id="new"), *sent[:8], client(id="X-008", fullName="changed")], may_skip_same=False)
    assert (sweep.counts.updated, sweep.repaired) == (2, 1)
    assert syncs.row("clients", "X-003")["name"] == client()["fullName"]
    assert syncs.clients(sent, may_skip_same=False).repaired == 0


def test_a_retried_record_is_a_duplicate_of_the_same_record_that_was_left_alone(owned: Syncs) -> None:
    # Other rules, in force for one sync, read neither id nor fees: the key of the reject is not the id of the row.
    sent = [transaction(id=f"T-{number}", tradeDate="2026-10-06") for number in range(9)]
    owned.transactions(sent)
    older = transaction(id="T-3", tradeDate="2026-10-05", description="older", fees="none")
    owned.transactions([older], october(5))
    owned.execute("update inn8.rejected_records set record_key = 'sha256:00', external_id = null")
    owned.execute("update inn8.rejected_records set payload = replace(payload::text, 'none', '1.00')::json")
    landing = owned.land(TRANSACTIONS, [transaction(id="new", tradeDate="2026-10-06"), *sent], october(6))
    result, decoded = merge(owned, landing)
    assert decoded == [[0, 9], [4]]
    assert result.counts == Counts(fetched=10, retried=1, inserted=1, unchanged=9, duplicate=1)
    assert result.sent_again == 0
    assert owned.row("transactions", "T-3")["description"] == transaction()["description"]


def test_a_reject_is_healed_by_the_same_record_that_its_row_was_made_from(owned: Syncs) -> None:
    sent = [transaction(id=f"T-{number}", description=str(number)) for number in range(9)]
    owned.transactions(sent)
    owned.transactions([*sent[:3], sent[3] | {"fees": "many"}, *sent[4:]])
    assert owned.reject()["external_id"] == "T-3"
    _, decoded = merge(owned, owned.land(TRANSACTIONS, [transaction(id="new"), *sent], HISTORY))
    assert decoded == [[0, 4, 9]]
    assert owned.reject(is_open=False)["resolution"] == "healed"


def test_a_record_that_is_sent_twice_is_decoded_twice_and_counted_as_a_duplicate(syncs: Syncs) -> None:
    sent = many(client, 9)
    syncs.clients(sent)
    result, decoded = merge(syncs, syncs.land(CLIENTS, [*sent, sent[4]]))
    assert decoded == [[4, 9]]
    assert result.counts == Counts(fetched=10, unchanged=9, duplicate=1)


def test_a_record_whose_row_was_copied_with_its_digest_is_decoded_and_the_copy_is_missing(syncs: Syncs) -> None:
    sent = many(client, 9)
    syncs.clients(sent)
    syncs.execute(
        "insert into inn8.clients"
        " (tenant_id, external_id, name, email, phone, address, status, as_of_at, record_digest)"
        " select tenant_id, 'copy', name, email, phone, address, status, as_of_at, record_digest from inn8.clients"
        " where external_id = 'X-004'"
    )
    result, decoded = merge(syncs, syncs.land(CLIENTS, [*sent, client(id="new")]))
    assert decoded == [[4, 9]]
    assert (result.counts, result.missing) == (Counts(fetched=10, inserted=1, unchanged=9), 1)


ODD = (
    b'{"id":"C-1" , "fullName" : "\\u00e9\\/\\u0041", "emailAddress":null}',
    b'{ "id": "C-2", "fullName": "a\\u0000b", "fullName": "twice", "n": 1.50e+3, "d": -0 }',
    '{"id":"C-3","fullName":"Zoë \U0001f4b6","address":{"street":"[1], {2}"}}'.encode(),
    b'[1, "]", {"a" : []}]',
    b"1e400",
    b"null",
)


@pytest.mark.parametrize("in_chunks", [True, False])
def test_postgres_computes_the_digests_that_python_stores(syncs: Syncs, *, in_chunks: bool) -> None:
    syncs.clients(many(client, 90))
    sent = [*ODD, *(json.dumps(each).encode() for each in many(client, 90))]
    writer = syncs.writer(CLIENTS, in_chunks=in_chunks)
    writer.add(b" [ %b\n]\r" % b" ,\t".join(sent), len(sent))
    landing = writer.complete(retries=0, has_duplicates=False)
    digests = b"".join(hashlib.sha256(each).digest()[:16] for each in sent)
    assert b"".join(page.record_digests or b"" for page in stored_pages(syncs.engine, landing)) == digests
    syncs.execute("update inn8_raw.pages set record_digests = null")
    syncs.merge(landing)
    assert b"".join(page.record_digests or b"" for page in stored_pages(syncs.engine, landing)) == digests


def test_the_records_of_a_page_that_an_older_version_stored_are_the_same(syncs: Syncs) -> None:
    sent = many(client, 50)
    syncs.clients(sent)
    syncs.execute("update inn8_raw.pages set record_digests = null")
    _, decoded = merge(syncs, syncs.land(CLIENTS, [client(id="new"), *sent]))
    assert decoded == [[0]]


def test_the_records_of_a_page_that_cannot_be_split_are_the_same(syncs: Syncs) -> None:
    odd = rb'[ {"id":"C-1", "fullName":"\ud800"},{"id":"C-2","fullName":"B","status":"active"} ]'
    sent = many(client, 9)

    def landed(*pages: tuple[bytes, int]) -> Landing:
        writer = syncs.writer(CLIENTS)
        for body, records in pages:
            writer.add(body, records)
        return writer.complete(retries=0, has_duplicates=False)

    first = merge(syncs, landed((odd, 2), (json.dumps(sent).encode(), 9)))
    assert (first[0].counts.inserted, first[0].counts.rejected) == (10, 1)
    result, decoded = merge(syncs, landed((odd, 2), (json.dumps([*sent, client(id="new")]).encode(), 10)))
    assert decoded == [[0, 11]]
    assert (result.counts.unchanged, result.counts.inserted, result.counts.rejected) == (10, 1, 1)


def test_a_tick_reads_only_the_pages_with_records_that_differ(syncs: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = many(client, 400)
    syncs.clients(sent)
    read: list[int] = []
    plain = landed_pages._read_pages  # noqa: SLF001 (how much is read is what is tested)

    def counting(connection: Connection, tenant_id: str, digests: Sequence[bytes]) -> list[landed_pages.LandedPage]:
        read.append(len(digests))
        return plain(connection, tenant_id, digests)

    monkeypatch.setattr(landed_pages, "_read_pages", counting)
    result, decoded = merge(syncs, syncs.land(CLIENTS, [client(id="new"), *sent]))
    assert (result.counts.unchanged, decoded, read) == (400, [[0]], [1])
