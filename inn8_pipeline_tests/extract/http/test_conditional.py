"""Conditional requests: what a 304 stands for, and a server whose 304 or whose validators are wrong."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import ContractError
from inn8_pipeline.extract.http.conditional import ValidatedPage
from inn8_pipeline_tests.contract.test_each_style import SIZE, STYLES, Collection
from inn8_pipeline_tests.extract.conftest import NewClient, circuits, new_client, server
from inn8_pipeline_tests.extract.servers import Inn8, Seen, reply

__all__ = ["circuits", "new_client", "server"]
OLD, DATE = "Mon, 02 Nov 2026 08:00:00 GMT", "Mon, 02 Nov 2026 08:01:00 GMT"


@dataclass(frozen=True)
class Known:
    validator: str
    digest: bytes
    facts: Mapping[str, Any]
    may_ask: bool


@dataclass
class Memory:
    """The pages of the last fetch, in memory."""

    pages: dict[bytes, Known] = field(default_factory=dict)
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    is_distrusted: bool = False

    def find(self, key: bytes) -> Known | None:
        return self.pages.get(key)

    def body(self, digest: bytes) -> bytes | None:
        return self.bodies.get(digest)

    def distrust(self) -> None:
        self.is_distrusted = True

    def keep(self, pages: Iterable[ValidatedPage]) -> None:
        self.pages = {each.key: Known(each.validator, each.digest, each.facts, not each.is_end) for each in pages}


@dataclass
class Validating:
    """A server that pages in one style, sends a validator with each page, and answers 304 if it is sent again.

    `validator` returns that of a response: by default its digest. `unchanged` returns the headers of a 304.
    """

    collection: Collection
    validator: Callable[[Seen, bytes], str] = lambda _seen, body: f'"{hashlib.sha256(body).hexdigest()}"'
    name: str = "ETag"
    unchanged: Callable[[str], Mapping[str, str]] = lambda _validator: {}
    statuses: list[int] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def __call__(self, seen: Seen) -> bytes:
        cursor = seen.query.get("cursor", "")
        if cursor in self.gone:
            self.gone.remove(cursor)
            return reply(b"{}", 400)
        head, _, body = self.collection(seen).partition(b"\r\n\r\n")
        validator = self.validator(seen, head + body)
        asked = seen.headers.get("if-none-match" if self.name == "ETag" else "if-modified-since")
        self.statuses.append(304 if asked == validator else 200)
        if asked == validator:
            return reply(b"", 304, headers=self.unchanged(validator))
        lines = f"\r\n{self.name}: {validator}\r\nDate: {DATE}".encode()
        return head + lines + b"\r\n\r\n" + body


def _always(validator: str, _seen: Seen, _body: bytes) -> str:
    return validator


Read = Callable[..., list[str]]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def read(server: Inn8, new_client: NewClient, memory: Memory) -> Read:
    """Return a function that makes a whole sync's fetches from a server, and returns the ids."""

    def ids(answer: Validating, kind: str = "etag", *, notices: list[str] | None = None) -> list[str]:
        server.on("/clients", answer)
        answer.statuses.clear()
        text = answer.collection.contract
        text += f"\nconditional = '{kind}'" if "[paging]" in text else f"\npaging = {{ conditional = '{kind}' }}"
        heard: list[object] = []
        client = new_client(server, contract=parse(text, ENTITIES), page_size=SIZE, on_notice=heard.append)
        found: list[str] = []
        for fetch in client.fetches(CLIENTS, None, memory):
            pages = list(fetch)
            found = [record["id"] for page in pages for record in json.loads(page.body)]
            memory.bodies |= {hashlib.sha256(page.body).digest(): page.body for page in pages}
            if fetch.is_complete:
                memory.keep(fetch.validated)
        if notices is not None:
            notices += map(str, heard)
        return found

    return ids


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("style", STYLES)
def test_an_unchanged_collection_is_sent_only_at_its_first_and_last_page(
    read: Read, style: str, *, has_total: bool
) -> None:
    answer = Validating(Collection(style, has_total=has_total))
    for _ in range(3):
        assert read(answer) == answer.collection.ids
    counted = style in {"page", "offset"} and not has_total
    assert sorted(answer.statuses) == [200] * (3 if counted else 2) + [304] * 3  # counted: an empty page proves the end


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("style", STYLES)
def test_whatever_changes_between_two_fetches_comes(read: Read, style: str, *, has_total: bool) -> None:
    answer = Validating(Collection(style, has_total=has_total))
    ids = answer.collection.ids
    changes: list[Callable[[], object]] = [
        lambda: ids.append("C-last"),
        lambda: ids.insert(0, "C-first"),
        lambda: ids.insert(12, "C-middle"),
        lambda: ids.pop(7),
        lambda: ids.extend(f"D-{number}" for number in range(SIZE)),
        lambda: ids.__delitem__(slice(13, None)),
        ids.clear,
    ]
    assert read(answer) == ids
    for change in changes:
        change()
        assert read(answer) == ids


@pytest.mark.parametrize("style", STYLES)
def test_a_total_that_has_changed_in_the_header_alone_repeats_no_fetch(read: Read, style: str) -> None:
    answer = Validating(Collection(style), lambda _seen, page: f'"{hash(page.partition(b"[")[2])}"')
    read(answer)
    answer.collection.ids.append("C-last")
    assert read(answer) == answer.collection.ids
    assert (len(answer.statuses), answer.statuses.count(304)) == (5, 3)


def test_a_last_modified_is_sent_back_if_it_was_a_minute_old(read: Read) -> None:
    answer = Validating(Collection("page"), lambda _seen, _body: OLD, "Last-Modified")
    for _ in range(2):
        assert read(answer, "last-modified") == answer.collection.ids
    assert answer.statuses.count(304) == 3
    for validator in (DATE, "yesterday"):
        answer = Validating(Collection("page"), partial(_always, validator), "Last-Modified")
        for _ in range(2):
            assert read(answer, "last-modified") == answer.collection.ids
        assert answer.statuses.count(304) == 0


def test_the_next_fetch_is_in_full_after_one_that_was_not_consistent(read: Read) -> None:
    answer = Validating(Collection("page"))
    read(answer)
    answer.collection = Collection("page", lambda ids: ids.__delitem__(0))  # before its third response
    assert read(answer) == answer.collection.ids
    assert answer.statuses.count(304) > 0
    assert answer.statuses[-5:] == [200] * 5


# A server whose answers are wrong


def test_a_validator_that_stays_the_same_though_a_page_has_changed_is_noticed_and_all_comes_in_full(
    read: Read, memory: Memory
) -> None:
    answer = Validating(Collection("page"), lambda _seen, _body: '"1"')
    read(answer)
    answer.collection.ids[7] = "C-changed"  # on the second page: hidden by its 304
    answer.collection.ids[0] = "C-other"  # on the first page, which shows that the validator is wrong
    notices: list[str] = []
    assert read(answer, notices=notices) == answer.collection.ids
    assert memory.is_distrusted
    assert any("page 1 has other records than before, but the same ETag" in each for each in notices), notices


def test_a_304_about_another_version_is_not_used(read: Read) -> None:
    answer = Validating(Collection("page"), lambda _seen, _body: '"1"', unchanged=lambda _: {"ETag": '"2"'})
    for _ in range(2):
        assert read(answer) == answer.collection.ids
    assert answer.statuses.count(304) == 3
    assert answer.statuses.count(200) == 5 == len(answer.statuses) - 3


def test_a_page_that_is_no_longer_stored_comes_in_full(read: Read, memory: Memory) -> None:
    answer = Validating(Collection("link"))
    read(answer)
    memory.bodies.clear()
    assert read(answer) == answer.collection.ids


def test_a_304_that_nobody_asked_for_is_an_error(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"", 304))
    with pytest.raises(ContractError, match="has the status 304, where 200 was expected"):
        list(new_client(server).fetch(CLIENTS))


def test_a_next_page_that_an_unchanged_page_names_and_that_is_gone_costs_a_fetch_in_full(read: Read) -> None:
    answer = Validating(Collection("cursor"))
    read(answer)
    answer.gone.add("15")  # named by the page that has not changed, which does not come
    assert read(answer) == answer.collection.ids
    assert answer.statuses[-5:] == [200] * 5


def test_a_contract_or_a_client_that_reads_otherwise_knows_no_page(read: Read) -> None:
    answer = Validating(Collection("page"))
    read(answer)
    answer.collection.has_total = False
    read(answer)
    assert answer.statuses.count(304) == 0
