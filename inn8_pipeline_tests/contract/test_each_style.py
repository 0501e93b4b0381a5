"""What each style of paging promises: while the collection changes, and against pages that never end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import ContractError
from inn8_pipeline_tests.extract.conftest import NewClient, circuits, new_client, server
from inn8_pipeline_tests.extract.servers import Inn8, Seen, reply

__all__ = ["circuits", "new_client", "server"]
SIZE = 5
STYLES = {
    "link": "",
    "page": "[paging]\nstyle = 'page'",
    "offset": "[paging]\nstyle = 'offset'",
    "cursor": "[paging]\nstyle = 'cursor'",
    "next_url": "[paging]\nstyle = 'next_url'",
}
"""The styles with several pages. A single page is consistent by itself."""
Change = Callable[[list[str]], None]


def no_change(_ids: list[str]) -> None:
    pass


@dataclass
class Collection:
    """A collection that is paged by position, as SQL's OFFSET does, and changes once: before its third response."""

    style: str
    change: Change = no_change
    has_total: bool = True
    ids: list[str] = field(default_factory=lambda: [f"C-{number:02}" for number in range(23)])
    requests: int = 0

    @property
    def contract(self) -> str:
        total = "" if self.has_total else "total = { unit = 'none' }\n"
        return f"records = '/items'\n{total}{STYLES[self.style]}"

    def __call__(self, seen: Seen) -> bytes:
        self.requests += 1
        if self.requests == 3:
            self.change(self.ids)
        start = self._start(seen)
        stop = start + SIZE
        following = stop if stop < len(self.ids) else None
        body: dict[str, object] = {"items": [{"id": each} for each in self.ids[start:stop]]}
        if self.style in {"cursor", "next_url"}:
            prefix = "/clients?cursor=" if self.style == "next_url" else ""
            body["next"] = following and f"{prefix}{following}"
        headers = {"X-Total-Count": str(len(self.ids))}
        if self.style == "link":
            headers["Link"] = f'</clients?at={following}>; rel="next"' if following else '</clients>; rel="first"'
        return reply(json.dumps(body).encode(), headers=headers)

    def _start(self, seen: Seen) -> int:
        if self.style == "page":
            return (int(seen.query["page"]) - 1) * SIZE
        return int(seen.query.get({"link": "at", "offset": "offset"}.get(self.style, "cursor"), "0"))


def delete_first(ids: list[str]) -> None:
    del ids[0]


def insert_first(ids: list[str]) -> None:
    ids.insert(0, "C-new")


def fetches(server: Inn8, new_client: NewClient, collection: Collection) -> list[tuple[bool, list[str]]]:
    """Return of each fetch whether it is complete, and its ids."""
    server.on("/clients", collection)
    client = new_client(server, contract=parse(collection.contract, ENTITIES), page_size=SIZE, pages_at_a_time=1)
    found = []
    for fetch in client.fetches(CLIENTS):
        ids = [record["id"] for page in fetch for record in json.loads(page.body)]
        found.append((fetch.is_complete, ids))
    return found


@pytest.mark.parametrize(("change", "has_total"), [(insert_first, True), (insert_first, False), (delete_first, True)])
@pytest.mark.parametrize("style", STYLES)
def test_a_change_that_the_ids_or_the_total_show_while_pages_are_fetched_costs_another_fetch(
    server: Inn8, new_client: NewClient, style: str, change: Change, *, has_total: bool
) -> None:
    collection = Collection(style, change, has_total)
    (is_complete, _), last = fetches(server, new_client, collection)
    assert not is_complete
    assert last == (True, collection.ids)


@pytest.mark.parametrize("style", STYLES)
def test_without_a_total_the_record_that_moved_past_the_border_of_two_pages_comes_with_the_next_fetch(
    server: Inn8, new_client: NewClient, style: str
) -> None:
    """Docs: it is missed once, and its row stays, because two fetches remove a row."""
    collection = Collection(style, delete_first, has_total=False)
    ((is_complete, found),) = fetches(server, new_client, collection)
    assert is_complete
    assert set(collection.ids) - set(found) == {"C-10"}
    assert fetches(server, new_client, collection) == [(True, collection.ids)]


@pytest.mark.parametrize("style", STYLES)
def test_pages_without_an_end_are_bounded(server: Inn8, new_client: NewClient, style: str) -> None:
    collection = Collection(style, has_total=False, ids=[str(number) for number in range(10_000)])
    server.on("/clients", collection)
    client = new_client(server, contract=parse(collection.contract, ENTITIES), page_size=SIZE, max_pages=7)
    with pytest.raises(ContractError, match=r"though 7 (pages )?were fetched"):
        list(client.fetch(CLIENTS))
    assert collection.requests <= 8


@pytest.mark.parametrize("style", STYLES)
def test_the_same_page_again_and_again_ends_the_fetch(server: Inn8, new_client: NewClient, style: str) -> None:
    collection = Collection(style, has_total=False)

    def first_page(seen: Seen) -> bytes:
        head, _, body = collection(Seen(seen.method, "/clients?page=1", seen.headers, "")).partition(b"\r\n\r\n")
        unique = str(len(server.seen("/clients"))).encode()
        return head.replace(b"at=5", b"at=%b" % unique) + b"\r\n\r\n" + body.replace(b'"5"', b'"%b"' % unique)

    server.on("/clients", first_page)
    client = new_client(server, contract=parse(collection.contract, ENTITIES), page_size=SIZE)
    with pytest.raises(ContractError, match=r"page 2 has the same records as page 1|fetched before"):
        [list(fetch) for fetch in client.fetches(CLIENTS)]
    assert len(server.seen("/clients")) <= 6


def test_a_cursor_that_is_an_address_stays_a_parameter_of_our_own_origin(server: Inn8, new_client: NewClient) -> None:
    first, second = (reply(json.dumps({"items": [{"id": each}], "next": following}).encode())
                     for each, following in (("a", "https://elsewhere.example/clients"), ("b", None)))  # fmt: skip
    server.on("/clients", first, second)
    text = f"records = '/items'\n{STYLES['cursor']}"
    assert [page.records for page in new_client(server, contract=parse(text, ENTITIES)).fetch(CLIENTS)] == [1, 1]
    assert server.seen("/clients")[1].query["cursor"] == "https://elsewhere.example/clients"


def test_a_first_page_with_an_endless_number_of_announced_pages_is_refused_at_once(
    server: Inn8, new_client: NewClient
) -> None:
    for style in ("page", "offset"):
        server.on("/clients", reply(b'[{"id": "a"}]', X_Total_Count="900000000"))
        client = new_client(server, contract=parse(STYLES[style], ENTITIES))
        with pytest.raises(ContractError, match="announces more than 100000 pages"):
            list(client.fetch(CLIENTS))
