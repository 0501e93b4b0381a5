"""Paging with a healthy server: one page or many, in order."""

import gzip
from datetime import date

import pytest

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.paging.pages import bodies, expected, paged
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Seen, records, reply


def test_a_bare_array_is_the_whole_collection(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'[{"id": "a"}, {"id": "b"}]'))
    fetch = new_client(server).fetch(CLIENTS)
    (page,) = list(fetch)
    assert (page.number, page.body, page.records) == (1, b'[{"id": "a"}, {"id": "b"}]', 2)
    assert (fetch.is_complete, fetch.records, fetch.bytes, fetch.retries) == (True, 2, 26, 0)


def test_an_empty_array_is_a_page_without_records(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b" []\n"))
    (page,) = new_client(server).fetch(CLIENTS)
    assert (page.body, page.records) == (b" []\n", 0)


def test_a_request_asks_for_its_page_size_and_window_and_carries_the_token(server: Inn8, new_client: NewClient) -> None:
    server.on("/v1/transactions", reply())
    server.on("/v1" + TOKEN, server.scripts[TOKEN][0])
    window = Window(date(2026, 10, 1), date(2026, 10, 31))
    list(new_client(server, base_url=server.url + "/v1/").fetch(TRANSACTIONS, window))
    (seen,) = server.seen("/v1/transactions")
    assert seen.method == "GET"
    assert seen.query == {"pageSize": "1000", "fromDate": "2026-10-01", "toDate": "2026-10-31"}
    assert seen.headers["authorization"] == "Bearer token-1"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["accept-encoding"] == "gzip"
    assert seen.headers["user-agent"].startswith("inn8-pipeline/")


def test_a_cookie_is_never_sent_back(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(Set_Cookie="session=1; Path=/"))
    client = new_client(server)
    assert [bodies(client), bodies(client)] == [[b"[]"], [b"[]"]]
    assert all("cookie" not in seen.headers for seen in server.requests)


def test_a_byte_order_mark_is_removed(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'\xef\xbb\xbf[{"id": "\xc3\xa9"}]'))
    assert bodies(new_client(server)) == [b'[{"id": "\xc3\xa9"}]']


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
def test_a_gzipped_page_is_unpacked(server: Inn8, new_client: NewClient, name: str) -> None:
    page = records(*(str(each) for each in range(100_000)))
    halves = gzip.compress(page[:1000]) + gzip.compress(page[1000:])
    server.on("/clients", reply(halves, Content_Encoding=name))
    assert bodies(new_client(server)) == [page]


@pytest.mark.parametrize("announce_last", [True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_pages_come_in_order_whether_or_not_the_last_one_is_announced(
    server: Inn8, new_client: NewClient, *, first: int, announce_last: bool
) -> None:
    server.on("/clients", paged(11, announce_last=announce_last, first=first))
    fetch = new_client(server).fetch(CLIENTS)
    pages = list(fetch)
    assert [page.body for page in pages] == expected(11, first)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert fetch.is_complete
    assert len(server.seen("/clients")) == len(pages)


def test_connections_are_used_again(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", paged(30))
    bodies(new_client(server))
    assert server.connections <= 9


def test_the_last_page_may_have_moved_on_since_it_was_announced(server: Inn8, new_client: NewClient) -> None:
    before, after = paged(3), paged(4)
    server.on("/clients", lambda seen: (after if seen.query.get("page") in {"3", "4"} else before)(seen))
    assert bodies(new_client(server)) == expected(4)


def test_a_link_without_our_page_size_and_window_is_followed_with_them(server: Inn8, new_client: NewClient) -> None:
    """The server's own default is 2,000 records a page, and its links name neither page size nor window."""

    def answer(seen: Seen) -> bytes:
        size, number = int(seen.query.get("pageSize", "2000")), int(seen.query.get("page", "1"))
        days = 1 if "fromDate" in seen.query else 30
        found = [str(each) for each in range(2500 * days)][(number - 1) * size : number * size]
        link = {"Link": f'</transactions?page={number + 1}>; rel="next"'} if number * size < 2500 * days else None
        return reply(records(*found), headers=link)

    server.on("/transactions", answer)
    window = Window(date(2026, 10, 1), date(2026, 10, 1))
    fetch = new_client(server).fetch(TRANSACTIONS, window)
    assert [page.records for page in fetch] == [1000, 1000, 500]
    assert fetch.is_complete
    wanted = {"pageSize": "1000", "fromDate": "2026-10-01", "toDate": "2026-10-01"}
    assert all(wanted.items() <= seen.query.items() for seen in server.seen("/transactions"))
