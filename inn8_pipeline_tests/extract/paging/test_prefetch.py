"""Pages that are fetched ahead: in order, a bounded number at a time, and none is left behind."""

import threading
import time
from collections.abc import Callable

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import RefusedRequestError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.paging.pages import bodies, expected, paged
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply


def test_pages_come_in_order_when_they_are_answered_out_of_order(server: Inn8, new_client: NewClient) -> None:
    in_order = paged(9)

    def answer(seen: Seen) -> bytes:
        time.sleep(0.03 * (int(seen.query.get("page", "1")) % 3))
        return in_order(seen)

    server.on("/clients", answer)
    assert bodies(new_client(server)) == expected(9)


def most_at_a_time(server: Inn8, client: Inn8Client, answer: Callable[[Seen], bytes], wait_for: int = 1) -> int:
    """Fetch the collection; return the highest number of requests that were under way together.

    No later page than the first is answered before `wait_for` requests have been under way, or before 10 s.
    """
    under_way: set[int] = set()
    most = []
    enough = threading.Event()

    def slow(seen: Seen) -> bytes:
        under_way.add(id(seen))
        most.append(len(under_way))
        if len(under_way) >= wait_for:
            enough.set()
        if "page" in seen.query:
            enough.wait(10)
        time.sleep(0.05)
        under_way.discard(id(seen))
        return answer(seen)

    server.on("/clients", slow)
    bodies(client)
    return max(most)


def test_eight_pages_are_under_way_together_and_never_more(server: Inn8, new_client: NewClient) -> None:
    assert most_at_a_time(server, new_client(server), paged(20), wait_for=8) == 8


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
    until(lambda: len(server.seen("/clients")) >= 2)
    time.sleep(0.3)
    assert len(server.seen("/clients")) == 2


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("inn8-page")]


def test_no_thread_is_left_when_the_consumer_leaves_early(server: Inn8, new_client: NewClient) -> None:
    release = threading.Event()

    def answer(seen: Seen) -> bytes:
        if seen.query.get("page", "1") not in {"1", "2"}:
            release.wait(10)
        return paged(9)(seen)

    server.on("/clients", answer)
    try:
        with new_client(server) as client:
            for page in client.fetch(CLIENTS):
                if page.number == 2:
                    break
            started = time.monotonic()
        assert threads() == []
        assert time.monotonic() - started < 5, "it waited for the server"
    finally:
        release.set()


def test_an_error_on_a_later_page_is_raised_at_once_and_ends_the_others(server: Inn8, new_client: NewClient) -> None:
    release = threading.Event()

    def answer(seen: Seen) -> bytes:
        number = seen.query.get("page", "1")
        if number == "2":
            release.wait(10)
        return reply(b"{}", 400) if number == "4" else paged(9)(seen)

    server.on("/clients", answer)
    started = time.monotonic()
    try:
        with pytest.raises(RefusedRequestError) as caught:
            bodies(new_client(server))
        assert time.monotonic() - started < 5
        assert threads() == []
    finally:
        release.set()
    assert caught.value.path == "/clients (page 4)"


def test_an_abandoned_page_is_not_reported_as_a_failure(server: Inn8, new_client: NewClient) -> None:
    store = MemoryCircuits()
    release = threading.Event()

    def answer(seen: Seen) -> bytes:
        if "page" in seen.query:
            release.wait(10)
        return paged(9)(seen)

    server.on("/clients", answer)
    pages = iter(new_client(server, store).fetch(CLIENTS))
    try:
        next(pages)
        pages.close()  # type: ignore[attr-defined]
    finally:
        release.set()
    assert ("clients", "failed") not in store.log
