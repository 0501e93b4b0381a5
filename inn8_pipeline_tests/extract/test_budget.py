"""Requests stay within the budget that all clients share, and within the limit that INN8's responses name."""

import json
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from threading import Lock

import httpx
import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Timeouts
from inn8_pipeline.extract.http.rate_limits import RateLimit, rate_limit
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.request_budget import PostgresBudget, RequestLimit
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Seen, records, reply, token_reply

PAGES = 30
BUDGET = RequestLimit(60, seconds=60.0 if "SOAK_EXAMPLES" in os.environ else 6.0)
"""The budget of the tests with several clients: with whole minutes they take three minutes (`make soak-records`)."""


def page(seen: Seen, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a page of one record, with links to the next and the last page."""
    number = int(seen.query.get("page", "1"))
    links = f'</clients?page={PAGES}>; rel="last"'
    if number < PAGES:
        links += f', </clients?page={number + 1}>; rel="next"'
    return reply(records(f"C-{number}"), headers={"Link": links, **(headers or {})})


class Arrivals:
    """The times at which requests arrived, as the server sees them."""

    def __init__(self, answer: Callable[[Seen], bytes]) -> None:
        self.at: list[float] = []
        self._answer = answer
        self._lock = Lock()

    def __call__(self, seen: Seen) -> bytes:
        with self._lock:
            self.at.append(time.monotonic())
        return self._answer(seen)

    def most_within(self, seconds: float) -> int:
        """Return the largest number of requests in any span of so many seconds."""
        most, recent = 0, deque[float]()
        for at in sorted(self.at):
            recent.append(at)
            while at - recent[0] >= seconds:
                recent.popleft()
            most = max(most, len(recent))
        return most


class FixedWindow:
    """A server that allows so many requests a window and says so; a request too many is answered with 429."""

    def __init__(self, limit: int, seconds: float, headers: Callable[[int, float], dict[str, str]]) -> None:
        self.refused = 0
        self._limit, self._seconds, self._headers = limit, seconds, headers
        self._ends_at, self._used, self._lock = 0.0, 0, Lock()

    def __call__(self, seen: Seen) -> bytes:
        with self._lock:
            if time.monotonic() >= self._ends_at:
                self._ends_at, self._used = time.monotonic() + self._seconds, 0
            self._used += 1
            headers = self._headers(max(self._limit - self._used, 0), self._ends_at - time.monotonic())
            if self._used > self._limit:
                self.refused += 1
                return reply(b"{}", 429, headers=headers)
        return page(seen, headers)


def read(client: Inn8Client) -> list[str]:
    fetch = client.fetch(CLIENTS)
    found = [record["id"] for each in fetch for record in json.loads(each.body)]
    assert fetch.is_complete
    return found


ALL = [f"C-{number}" for number in range(1, PAGES + 1)]


def test_a_backfill_and_ticks_side_by_side_stay_within_the_limit_by_the_servers_count(
    server: Inn8, new_client: NewClient, warehouse_url: str
) -> None:
    arrivals = Arrivals(page)
    tokens = Arrivals(lambda _: token_reply())
    server.on("/clients", arrivals)
    server.on(TOKEN, tokens)
    engine = connect(warehouse_url)
    found: list[list[str]] = []

    def sync(*, is_backfill: bool) -> None:
        with PostgresBudget(engine, "acme", BUDGET) as budget:
            found.append(read(new_client(server, budget=budget, leaves_reserve=is_backfill)))

    threads = [threading.Thread(target=sync, kwargs={"is_backfill": number == 0}) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ALL] * 3
    arrivals.at += tokens.at
    assert len(arrivals.at) == 3 * (PAGES + 1)
    assert arrivals.most_within(BUDGET.seconds) <= BUDGET.requests


def test_a_tick_ends_before_a_backfill_that_began_earlier(
    server: Inn8, new_client: NewClient, warehouse_url: str
) -> None:
    server.on("/clients", page)
    engine = connect(warehouse_url)
    ended: list[str] = []
    has_begun = threading.Event()

    def sync(name: str) -> None:
        with PostgresBudget(engine, "acme", BUDGET) as budget:
            for number, _ in enumerate(
                new_client(server, budget=budget, leaves_reserve=name == "backfill").fetch(CLIENTS)
            ):
                if number == PAGES // 4:
                    has_begun.set()
        ended.append(name)

    backfill, tick = (threading.Thread(target=sync, args=(name,)) for name in ("backfill", "tick"))
    backfill.start()
    assert has_begun.wait(120)
    tick.start()
    backfill.join()
    tick.join()
    assert ended == ["tick", "backfill"]


HEADERS: dict[str, Callable[[int, float], dict[str, str]]] = {
    "RateLimit": lambda left, seconds: {"RateLimit": f'"default";r={left};t={seconds:.3f}'},
    "RateLimit-Remaining": lambda left, seconds: {
        "RateLimit-Remaining": f"{left}",
        "RateLimit-Reset": f"{seconds:.3f}",
    },
    "X-RateLimit-Remaining": lambda left, seconds: {
        "X-RateLimit-Remaining": f"{left}",
        "X-RateLimit-Reset": f"{time.time() + seconds:.3f}",
    },
}


@pytest.mark.parametrize("spelling", HEADERS)
def test_the_limit_that_responses_name_is_heeded_before_a_429_comes(
    server: Inn8, new_client: NewClient, warehouse_url: str, spelling: str
) -> None:
    window = FixedWindow(limit=12, seconds=1.0, headers=HEADERS[spelling])
    server.on("/clients", window)
    engine = connect(warehouse_url)
    notices: list[str] = []
    with PostgresBudget(engine, "acme") as budget:
        client = new_client(server, budget=budget, on_notice=lambda each: notices.append(str(each)))
        assert read(client) == ALL
        assert client.waited_seconds > 0
    assert window.refused == 0
    assert [each for each in notices if "its rate limit is used up" in each] == notices
    assert len(notices) == 1


def test_without_limits_nothing_is_asked_of_the_database(
    server: Inn8, new_client: NewClient, empty_database: str
) -> None:
    server.on("/clients", page)
    with PostgresBudget(connect(empty_database), "acme") as budget:
        assert read(new_client(server, budget=budget)) == ALL


def test_a_request_that_is_repeated_or_redirected_counts_twice(
    server: Inn8, new_client: NewClient, warehouse_url: str
) -> None:
    server.on("/clients", reply(b"{}", 401), reply(b"", 307, Location="/clients/"))
    server.on("/clients/", reply(b"{}", 503), reply(b"[]"))
    with PostgresBudget(connect(warehouse_url), "acme", RequestLimit(10_000)) as budget:
        taken: list[bool] = []
        take = budget.take

        class Counted:
            is_limited = True
            heed = budget.heed
            forget = budget.forget

            def take(self, *, leaves_reserve: bool) -> object:
                taken.append(leaves_reserve)
                return take(leaves_reserve=leaves_reserve)

        list(new_client(server, budget=Counted()).fetch(CLIENTS))
    # Two tokens; the page: refused, redirected and failed, redirected and answered.
    assert len(server.requests) == len(taken) == 7


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, also where a shell started the tests in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_ctrl_c_ends_a_wait_for_the_budget(server: Inn8, new_client: NewClient, warehouse_url: str) -> None:
    server.on("/clients", page)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt(_: object) -> None:
        # Not at once: Python ignores an exception that is raised in a callback, such as those of a thread that starts.
        threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()

    with PostgresBudget(connect(warehouse_url), "acme", RequestLimit(2)) as budget:
        client = new_client(server, budget=budget, on_notice=interrupt)
        with pytest.raises(KeyboardInterrupt):
            read(client)
        client.close()
    assert len(server.requests) == 2
    # If Ctrl-C arrives while the pool starts a thread, closing the pool ends that thread but does not wait for it.
    threads = [each for each in threading.enumerate() if each.name.startswith("inn8-page")]
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_a_wait_for_the_budget_does_not_count_towards_the_time_of_an_attempt(
    server: Inn8, new_client: NewClient, warehouse_url: str
) -> None:
    server.on("/clients", reply())
    short = Timeouts(connect_seconds=1.0, read_seconds=1.0, attempt_seconds=1.0)
    with PostgresBudget(connect(warehouse_url), "acme", RequestLimit(2, seconds=1.0)) as budget:
        assert budget.take(leaves_reserve=False) is None
        client = new_client(server, budget=budget, timeouts=short)
        fetch = client.fetch(CLIENTS)
        assert [each.body for each in fetch] == [b"[]"]
        assert fetch.retries == 0
        assert client.waited_seconds > 1


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"RateLimit": '"default";r=5;t=30'}, RateLimit(5, 30)),
        ({"RateLimit": '"burst, r=1";r=50;t=1, "day";r=3;t=3600;pk=:cHNk:'}, RateLimit(3, 3600)),
        ({"RateLimit": '"a";r=0;t=1, "b";r=0;t=9'}, RateLimit(0, 9)),
        ({"RateLimit": '"default";r=5'}, None),
        ({"RateLimit": "limit=100, remaining=50, reset=5"}, RateLimit(50, 5)),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "7", "RateLimit-Reset": "12"}, RateLimit(7, 12)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, RateLimit(0, 60)),
        (
            {
                "Date": "Thu, 26 Nov 2026 10:00:00 GMT",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1795687260",
            },
            RateLimit(0, 60),
        ),
        (
            {
                "Date": "Thu, 26 Nov 2026 10:00:00 GMT",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1795687260000",
            },
            RateLimit(0, 60),
        ),
        ({"X-RateLimit-Remaining": "many", "X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "5"}, None),
        ({"RateLimit": "r=" * 100_000}, None),
        ({"RateLimit-Remaining": "9" * 15, "RateLimit-Reset": "1"}, RateLimit(1_000_000_000, 1)),
    ],
)
def test_each_spelling_of_a_limit_is_read(headers: dict[str, str], found: RateLimit | None) -> None:
    assert rate_limit(httpx.Response(200, headers=headers)) == found
