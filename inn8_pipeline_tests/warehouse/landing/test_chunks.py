"""Records are cut into chunks by their content, so that a landing stores only what earlier ones have not."""

import json
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.warehouse.database import transaction as transaction_of
from inn8_pipeline.warehouse.landing import chunks, groups, retention
from inn8_pipeline.warehouse.landing import pages as landed_pages
from inn8_pipeline.warehouse.landing.chunks import Chunk, Chunker, ChunkGroup, digest_of
from inn8_pipeline.warehouse.landing.pages import stored_pages
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, many, october

MANY = [b'{"id": "T-%d", "amount": 1.50}' % number for number in range(4000)]


def groups_of(records: Sequence[bytes], page_size: int = 1000) -> list[ChunkGroup]:
    chunker = Chunker()
    pages = [records[first : first + page_size] for first in range(0, len(records), page_size)]
    return [*(group for page in pages for group in chunker.add(page)), *chunker.end()]


def chunks_of(records: Sequence[bytes], page_size: int = 1000) -> list[Chunk]:
    return [chunk for group in groups_of(records, page_size) for chunk in group.chunks]


def new_bytes(before: Sequence[bytes], after: Sequence[bytes]) -> int:
    known = {chunk.digest for chunk in chunks_of(before)}
    return sum(len(chunk.body) for chunk in chunks_of(after) if chunk.digest not in known)


@given(st.lists(st.binary(min_size=1, max_size=4).map(lambda text: b'"%b"' % text.hex().encode())), st.integers(1, 50))
def test_the_chunks_have_all_records_in_order_wherever_the_pages_end(records: list[bytes], page_size: int) -> None:
    found = chunks_of(records, page_size)
    assert b",".join(chunk.body[1:-1] for chunk in found) == b",".join(records)
    assert sum(chunk.records for chunk in found) == len(records)
    assert found == chunks_of(records, 1000)


def test_new_records_at_the_head_in_the_middle_or_at_the_end_are_one_or_two_new_chunks() -> None:
    new = [b'{"id": "N-%d"}' % number for number in range(50)]
    largest = max(len(chunk.body) for chunk in chunks_of(MANY + new))
    for place in (0, 2100, len(MANY)):
        assert new_bytes(MANY, MANY[:place] + new + MANY[place:]) <= sum(map(len, new)) + 3 * largest
    assert new_bytes(MANY, MANY[:100] + MANY[101:]) <= 2 * largest
    assert new_bytes(MANY, MANY) == 0


def test_one_changed_record_of_a_hundred_leaves_most_chunks_as_they_are() -> None:
    changed = [b'{"changed": %d}' % at if at % 100 == 50 else record for at, record in enumerate(MANY)]
    assert new_bytes(MANY, changed) < 0.5 * sum(map(len, MANY))


def test_a_chunk_and_a_group_are_bounded_whatever_the_records_are() -> None:
    never = next(record for record in MANY if zlib.crc32(record) & chunks.CHUNK_MASK)
    found = groups_of([never] * 200_000)
    assert max(chunk.records for group in found for chunk in group.chunks) == chunks.MAX_CHUNK_RECORDS
    assert max(len(group.chunks) for group in found) <= chunks.MAX_GROUP_CHUNKS
    large = b'"%b"' % (b"x" * (chunks.MAX_CHUNK_BYTES - 10))
    found = groups_of([large] * 40)
    assert max(chunk.records for group in found for chunk in group.chunks) <= 2
    limit = chunks.MAX_GROUP_BYTES + 2 * chunks.MAX_CHUNK_BYTES
    assert max(sum(len(chunk.body) for chunk in group.chunks) for group in found) <= limit


def stored(syncs: Syncs) -> tuple[int, int]:
    (row,) = syncs.query(
        "select (select count(*) from inn8_raw.pages) as pages, (select count(*) from inn8_raw.page_groups) as groups"
    )
    return row["pages"], row["groups"]


def test_the_same_records_are_stored_once_however_they_are_paged(syncs: Syncs) -> None:
    sent = many(client, 300)
    first = syncs.land(CLIENTS, sent)
    before = stored(syncs)
    again = syncs.land(CLIENTS, sent, page_size=7)
    assert stored(syncs) == before
    assert before[0] > 3
    assert again.digests == first.digests
    assert (first.pages, again.pages, again.records) == (1, 43, 300)
    assert [record for page in stored_pages(syncs.engine, again) for record in json.loads(page.body)] == sent


def test_a_page_that_cannot_be_split_is_stored_as_it_is_between_the_others(syncs: Syncs) -> None:
    odd = b' [ {"id":"C-1", "fullName":"\\ud800"} ]'
    writer = syncs.writer(CLIENTS)
    pages = [json.dumps(many(client, 40)).encode(), odd, json.dumps([client(id="C-99")]).encode()]
    for page, records in zip(pages, (40, 1, 1), strict=True):
        writer.add(page, records)
    landing = writer.complete(retries=0, has_duplicates=False)
    found = [page.body for page in stored_pages(syncs.engine, landing)]
    assert odd in found
    assert len(b"".join(found)) < sum(map(len, pages))
    assert (landing.records, landing.pages) == (42, 3)


def test_a_chunk_that_is_gone_is_stored_again_by_the_next_fetch(syncs: Syncs) -> None:
    landing = syncs.land(CLIENTS, many(client, 100))
    syncs.execute("delete from inn8_raw.pages")
    syncs.land(CLIENTS, many(client, 100))
    assert sum(len(json.loads(page.body)) for page in stored_pages(syncs.engine, landing)) == 100


def test_records_that_are_all_stored_cost_one_question_for_several_groups(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = many(client, 3000)
    first = syncs.land(CLIENTS, sent)
    asked: list[int] = []
    write_new = groups.write_new

    def count(connection: Connection, tenant_id: str, groups: Sequence[ChunkGroup]) -> None:
        asked.append(len(groups))
        write_new(connection, tenant_id, groups)

    def refuse(*_: object) -> None:
        pytest.fail("a page was looked for")

    monkeypatch.setattr(groups, "write_new", count)
    monkeypatch.setattr(landed_pages, "write_new", refuse)
    again = syncs.land(CLIENTS, sent)
    assert again.digests == first.digests
    assert asked == [len(first.digests)]
    assert asked[0] > 1


def test_fetches_that_store_the_same_chunks_in_another_order_do_not_wait_for_each_other_in_a_circle(
    syncs: Syncs,
) -> None:
    for number in range(5):
        chunks = chunks_of([b'{"id": "T-%d-%d"}' % (number, at) for at in range(20_000)])
        with ThreadPoolExecutor(2) as threads:
            written = [threads.submit(write, syncs, each) for each in (chunks, chunks[::-1])]
        for each in written:
            each.result()


def test_fetches_that_store_the_same_groups_in_another_order_do_not_wait_for_each_other_in_a_circle(
    syncs: Syncs,
) -> None:
    chunks = chunks_of([b'{"id": "T-1"}'])
    write(syncs, chunks)
    for number in range(5):
        ended = [ChunkGroup(chunks, digest_of(b"%d %d" % (number, at)), 1) for at in range(5000)]
        with ThreadPoolExecutor(2) as threads:
            written = [threads.submit(write_groups, syncs, each) for each in (ended, ended[::-1])]
        for each in written:
            each.result()


def write_groups(syncs: Syncs, ended: Sequence[ChunkGroup]) -> None:
    with transaction_of(syncs.engine, "writing groups") as connection:
        groups.write_new(connection, TENANT, ended)


def write(syncs: Syncs, chunks: Sequence[Chunk]) -> None:
    with transaction_of(syncs.engine, "writing pages") as connection:
        landed_pages.write_new(connection, TENANT, chunks)


def test_retention_drops_the_chunks_and_groups_that_no_landing_refers_to(syncs: Syncs) -> None:
    syncs.clients(many(client, 200))
    syncs.execute("update inn8_raw.landings set started_at = started_at - interval '60 days'")
    kept = syncs.land(CLIENTS, [*many(client, 150), *many(client, 20, fullName="new")])
    syncs.merge(kept)
    before = stored(syncs)
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).landings == 1
    assert stored(syncs) < before
    named = {digest for chunk in chunks_of_landing(syncs, kept.id) for digest in chunk}
    assert named == {bytes(row["sha256"]) for row in syncs.query("select sha256 from inn8_raw.pages")}
    assert sum(len(json.loads(page.body)) for page in stored_pages(syncs.engine, kept)) == 170


def chunks_of_landing(syncs: Syncs, landing_id: int) -> list[list[bytes]]:
    rows = syncs.query(
        f"""
        select g.page_digests from inn8_raw.landings l
          join inn8_raw.page_groups g on g.tenant_id = l.tenant_id and g.sha256 = any (l.page_digests)
         where l.id = {landing_id}
        """
    )
    return [[bytes(digest) for digest in row["page_digests"]] for row in rows]


@pytest.mark.parametrize("in_chunks", [True, False])
def test_the_records_of_a_landing_can_be_asked_for_in_sql_in_either_form(owned: Syncs, *, in_chunks: bool) -> None:
    owned.in_chunks = in_chunks
    sent: list[dict[str, Any]] = many(transaction, 100)
    owned.transactions(sent, october(5))
    rows = owned.query("select page, place, record::text as record from inn8_raw.transactions order by page, place")
    assert [row["record"] for row in rows] == [json.dumps(record) for record in sent]
    assert [row["page"] for row in rows] == sorted(row["page"] for row in rows)
    assert (rows[-1]["page"] > 1) is in_chunks


def test_a_landing_of_pages_and_one_of_chunks_are_merged_alike(owned: Syncs) -> None:
    owned.in_chunks = False
    sent = [*many(transaction, 60), transaction(id="T-X", fees="x"), transaction(id="T-Y", portfolioId="P-9")]
    first = owned.transactions(sent, october(5))
    owned.in_chunks = True
    second = owned.transactions(sent, october(5))
    assert (first.counts.inserted, second.counts.unchanged) == (60, 60)
    assert first.counts.rejected == second.counts.rejected == 2
    assert not second.is_repeat
    assert owned.transactions(sent, october(5)).is_repeat
