"""Paging with a healthy server: one page or many, in order, with a bounded number under way."""

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date

import pytest

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline.errors import ApiError, ContractError, RefusedRequestError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import RetryPolicy
from inn8_pipeline.extract.paging.paginator import MAX_EMPTY_PAGES
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Seen, records, reply, serving


def bodies(client: Inn8Client) -> list[bytes]:
    return [page.body for page in client.fetch(CLIENTS)]


def paged(last: int, *, announce_last: bool = True, first: int = 1) -> Callable[[Seen], bytes]:
    """Return a server of `last` pages of one record each, whose id is the page's number."""

    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", first))
        links = []
        if number < last:
            links.append(f'</clients?pageSize=1000&page={number + 1}>; rel="next"')
            if announce_last:
                links.append(f'</clients?pageSize=1000&page={last}>; rel="last"')
        return reply(records(str(number)), headers={"Link": ", ".join(links)} if links else None)

    return answer


def expected(last: int, first: int = 1) -> list[bytes]:
    return [records(str(number)) for number in range(first, last + 1)]


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


def test_pages_come_in_order_when_they_are_answered_out_of_order(server: Inn8, new_client: NewClient) -> None:
    in_order = paged(9)

    def answer(seen: Seen) -> bytes:
        time.sleep(0.03 * (int(seen.query.get("page", "1")) % 3))
        return in_order(seen)

    server.on("/clients", answer)
    assert bodies(new_client(server)) == expected(9)


def most_at_a_time(server: Inn8, client: Inn8Client, answer: Callable[[Seen], bytes]) -> int:
    """Fetch the collection; return the highest number of requests that were under way together."""
    under_way: set[int] = set()
    most = []

    def slow(seen: Seen) -> bytes:
        under_way.add(id(seen))
        most.append(len(under_way))
        time.sleep(0.05)
        under_way.discard(id(seen))
        return answer(seen)

    server.on("/clients", slow)
    bodies(client)
    return max(most)


def test_eight_pages_are_under_way_together_and_never_more(server: Inn8, new_client: NewClient) -> None:
    assert most_at_a_time(server, new_client(server), paged(20)) == 8


def test_without_a_last_page_one_page_follows_another(server: Inn8, new_client: NewClient) -> None:
    assert most_at_a_time(server, new_client(server), paged(5, announce_last=False)) == 1


def test_pages_that_differ_in_more_than_their_number_are_not_guessed(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        link = f'<?page={number + 1}&cursor=c{number}>; rel="next", <?page=4&cursor=last>; rel="last"'
        return reply(records(str(number)), headers={"Link": link} if number < 4 else None)

    assert most_at_a_time(server, new_client(server), answer) == 1
    assert [seen.query.get("cursor") for seen in server.seen("/clients")] == [None, "c1", "c2", "c3"]


def test_pages_are_not_fetched_far_ahead_of_a_slow_consumer(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", paged(40))
    pages = iter(new_client(server).fetch(CLIENTS))
    for _ in range(3):
        next(pages)
    time.sleep(0.3)
    assert len(server.seen("/clients")) <= 3 + 8


def test_the_next_page_is_fetched_while_one_is_consumed(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", paged(3, announce_last=False))
    pages = iter(new_client(server).fetch(CLIENTS))
    next(pages)
    time.sleep(0.3)
    assert len(server.seen("/clients")) == 2


def test_connections_are_used_again(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", paged(30))
    bodies(new_client(server))
    assert server.connections <= 9


def test_the_last_page_may_have_moved_on_since_it_was_announced(server: Inn8, new_client: NewClient) -> None:
    before, after = paged(3), paged(4)
    server.on("/clients", lambda seen: (after if seen.query.get("page") in {"3", "4"} else before)(seen))
    assert bodies(new_client(server)) == expected(4)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("inn8-page")]


def test_no_thread_is_left_when_the_consumer_leaves_early(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        if seen.query.get("page", "1") not in {"1", "2"}:
            time.sleep(0.7)
        return paged(9)(seen)

    server.on("/clients", answer)
    with new_client(server) as client:
        for page in client.fetch(CLIENTS):
            if page.number == 2:
                break
        started = time.monotonic()
    assert threads() == []
    assert time.monotonic() - started < 0.5, "it waited for the server"


def test_an_error_on_a_later_page_is_raised_at_once_and_ends_the_others(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = seen.query.get("page", "1")
        if number == "2":
            time.sleep(1.5)
        return reply(b"{}", 400) if number == "4" else paged(9)(seen)

    server.on("/clients", answer)
    started = time.monotonic()
    with pytest.raises(RefusedRequestError) as caught:
        bodies(new_client(server))
    assert time.monotonic() - started < 1
    assert threads() == []
    assert caught.value.path == "/clients (page 4)"


def test_an_abandoned_page_is_not_reported_as_a_failure(server: Inn8, new_client: NewClient) -> None:
    store = MemoryCircuits()

    def answer(seen: Seen) -> bytes:
        time.sleep(0.5 if "page" in seen.query else 0)
        return paged(9)(seen)

    server.on("/clients", answer)
    pages = iter(new_client(server, store).fetch(CLIENTS))
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert ("clients", "failed") not in store.log


def test_a_link_to_another_origin_is_refused_and_never_gets_the_token(server: Inn8, new_client: NewClient) -> None:
    with serving() as other:
        for link in (
            f"{other.url}/clients?page=2&private=1",
            f"//{other.host}/x",
            f"https://{server.host}/x",
            "http://h/",
        ):
            server.on("/clients", reply(Link=f'<{link}>; rel="next"'))
            with pytest.raises(ContractError, match="must not get the token") as caught:
                bodies(new_client(server))
            assert "private" not in str(caught.value)
        assert other.connections == 0


@pytest.mark.parametrize("link", ["http://[::1", "http://h\x01/", "http://h:99999999/", "http://\xff\xff./"])
def test_a_link_that_is_no_address_is_refused(server: Inn8, new_client: NewClient, link: str) -> None:
    server.on("/clients", reply(Link=f'<{link}>; rel="next"'))
    with pytest.raises(ApiError):
        bodies(new_client(server, retry=RetryPolicy(waits_seconds=())))


def test_a_link_that_names_a_user_of_the_same_host_is_refused(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(Link=f'<http://mallory:pw@{server.host}/clients?page=2>; rel="next"'))
    with pytest.raises(ContractError, match="must not get the token"):
        bodies(new_client(server))


def test_a_loop_of_links_is_refused(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        return reply(records(str(number)), Link=f'<?page={number % 3 + 1}>; rel="next"')

    server.on("/clients", answer)
    with pytest.raises(ContractError, match="Page 4 of clients links to a page that was fetched before: a loop"):
        bodies(new_client(server))
    assert len(server.seen("/clients")) == 4


def test_next_links_without_an_end_are_bounded(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        return reply(records(str(number)), Link=f'<?page={number + 1}>; rel="next"')

    server.on("/clients", answer)
    with pytest.raises(ContractError, match="has a next page, though 25 were fetched"):
        bodies(new_client(server, max_pages=25))


def endless(body: bytes, headers: Mapping[str, str] | None = None) -> Callable[[Seen], bytes]:
    """Return a server that sends the same page for ever, each with a link to the next."""

    def answer(seen: Seen) -> bytes:
        link = f'<?page={int(seen.query.get("page", "1")) + 1}>; rel="next"'
        return reply(body, Link=link, headers=headers)

    return answer


def test_empty_pages_without_an_end_are_refused_soon(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", endless(b"[]"))
    with pytest.raises(ContractError, match="Page 10 of clients is the 10th empty one in a row"):
        bodies(new_client(server))
    assert len(server.seen("/clients")) == MAX_EMPTY_PAGES


def test_a_page_that_comes_for_ever_ends_the_fetch_at_the_second(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", endless(records("a")))
    fetch = new_client(server).fetch(CLIENTS)
    assert len(list(fetch)) == 2
    assert (fetch.is_complete, fetch.finding) == (False, "page 2 has the same records as page 1")
    assert len(server.seen("/clients")) <= 3


def test_twelve_empty_pages_are_no_loop_where_the_total_announces_more(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        body = records(str(number)) if number in {1, 14} else b"[]"
        link = {"Link": f'<?page={number + 1}>; rel="next"'} if number < 14 else {}
        return reply(body, X_Total_Count="2", headers=link)

    server.on("/clients", answer)
    fetch = new_client(server).fetch(CLIENTS)
    assert [page.records for page in fetch] == [1, *12 * [0], 1]
    assert fetch.is_complete


def test_empty_pages_are_bounded_though_the_total_announces_more(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", endless(b"[]", {"X-Total-Count": "5"}))
    with pytest.raises(ContractError, match="is the 1000th empty one in a row"):
        bodies(new_client(server))


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


def test_a_link_header_that_cannot_be_read_is_an_error_and_not_the_last_page(
    server: Inn8, new_client: NewClient
) -> None:
    server.on("/clients", reply(records("a"), Link=f'{server.url}/clients?page=2; rel="next"'))
    with pytest.raises(ContractError, match="Page 1 of clients has a Link header that cannot be read"):
        bodies(new_client(server))


def test_a_billion_announced_pages_are_refused_before_the_second(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(Link='<?page=2>; rel="next", <?page=999999999>; rel="last"'))
    with pytest.raises(ContractError, match="announces more than 100000 pages"):
        bodies(new_client(server))
    assert len(server.seen("/clients")) == 1
