"""The client and the circuit breaker: which failures count, and what an open circuit stops."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS
from inn8_pipeline.errors import ApiError, CircuitOpenError, ContractError, TransientApiError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import RetryPolicy
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.links import PageLinks
from inn8_pipeline.extract.paging.page import Page
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest, PagingOptions
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.conftest import QUICK, NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Script, Seen, cut, records, reply, token_reply

if TYPE_CHECKING:
    from inn8_pipeline.extract.retry import RetryNotice

TOKEN_WORKED = ("token", "succeeded")


def fails(client: Inn8Client) -> ApiError:
    with pytest.raises(ApiError) as caught:
        list(client.fetch(CLIENTS))
    return caught.value


def test_each_attempt_counts_and_the_fifth_in_a_row_opens_the_circuit(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    notices: list[RetryNotice] = []
    server.on("/clients", reply(b"", 500))
    client = new_client(server, on_notice=notices.append)
    assert isinstance(fails(client), TransientApiError)
    assert circuits.log == [TOKEN_WORKED] + 4 * [("clients", "failed")]
    assert len(notices) == 3
    error = fails(client)
    assert isinstance(error, TransientApiError), "the error says what failed, not that the circuit is open"
    assert (error.reason, error.attempts) == ("answered 500", 1)
    assert len(server.seen("/clients")) == 5
    assert len(notices) == 3, "no retry is announced that will not be made"


def in_pages(last: int, answer: Callable[[int], bytes | None]) -> Callable[[Seen], bytes]:
    """Return a server of `last` pages; `answer` may replace the response to one of them."""

    def page(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        link = f'<?page={number + 1}>; rel="next", <?page={last}>; rel="last"'
        body = records(str(number))
        return answer(number) or reply(body, headers={"Link": link} if number < last else None)

    return page


def test_a_wave_of_failures_side_by_side_is_one_failure(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    """Twenty times 429 from the third page on, to eight pages at a time, and to no page more often than its retries."""
    left = 20
    refused: dict[int, int] = {}
    lock = threading.Lock()

    def limited(number: int) -> bytes | None:
        nonlocal left
        with lock:
            if number > 2 and left and refused.get(number, 0) < 3:
                left -= 1
                refused[number] = refused.get(number, 0) + 1
                return reply(b"", 429, Retry_After="0")
        return None

    server.on("/clients", in_pages(30, limited))
    fetch = new_client(server, retry=RetryPolicy((0.3, 0.3, 0.3), jitter_seconds=0.0)).fetch(CLIENTS)
    assert len(list(fetch)) == 30
    assert fetch.is_complete
    assert fetch.retries == 20
    assert 1 <= circuits.log.count(("clients", "failed")) <= 4


def test_each_page_of_a_wave_has_all_its_retries(server: Inn8, new_client: NewClient, circuits: MemoryCircuits) -> None:
    times: dict[int, int] = {}

    def failing_three_times(number: int) -> bytes | None:
        times[number] = times.get(number, 0) + 1
        return reply(b"", 503) if number > 1 and times[number] <= 3 else None

    server.on("/clients", in_pages(9, failing_three_times))
    fetch = new_client(server).fetch(CLIENTS)
    assert len(list(fetch)) == 9
    assert (fetch.is_complete, fetch.retries) == (True, 8 * 3)
    assert circuits.opened_until == {}


def test_an_outage_under_eight_pages_counts_its_waves_and_no_more(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on("/clients", in_pages(9, lambda number: reply(b"", 503) if number > 1 else None))
    error = fails(new_client(server, retry=RetryPolicy((0.3, 0.6, 1.2), jitter_seconds=0.0)))
    assert isinstance(error, TransientApiError)
    assert (error.reason, error.attempts) == ("answered 503", 4)
    assert 4 <= circuits.log.count(("clients", "failed")) <= 5


def test_a_retry_belongs_to_the_next_wave_however_long_the_first_failures_own_delay_is(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first failure has a jitter, so that all other pages are retried before its own retry is due."""
    jitters = [0.15]
    monkeypatch.setattr("inn8_pipeline.extract.retry.random.uniform", lambda *_: jitters.pop() if jitters else 0.0)
    server.on("/clients", in_pages(9, lambda number: reply(b"", 503) if number > 1 else None))
    error = fails(new_client(server, retry=RetryPolicy((0.3, 0.6, 1.2), jitter_seconds=0.15)))
    assert isinstance(error, TransientApiError)
    assert error.attempts == 4
    assert circuits.log.count(("clients", "failed")) == 4


def test_a_retry_after_is_waited_out_by_all_pages(server: Inn8, new_client: NewClient) -> None:
    """The server holds eight pages until the client has read that one of them is refused."""
    arrivals: list[float] = []
    limited_at: list[float] = []
    are_asked, is_announced = threading.Event(), threading.Event()

    def limited_once(number: int) -> bytes | None:
        arrivals.append(time.monotonic())
        if len(arrivals) == 1 + 8:
            are_asked.set()
        if number == 3 and not limited_at:
            assert are_asked.wait(10)
            limited_at.append(time.monotonic())
            return reply(b"", 429, Retry_After="1")
        if number > 1:
            is_announced.wait(10)
        return None

    server.on("/clients", in_pages(30, limited_once))
    policy = RetryPolicy((0.02, 0.04, 0.06), jitter_seconds=0.0, max_retry_after_seconds=5.0)
    client = new_client(server, retry=policy, on_notice=lambda _: is_announced.set())
    assert len(list(client.fetch(CLIENTS))) == 30
    (at,) = limited_at
    assert [each for each in arrivals if at < each < at + 0.95] == []


def test_an_open_circuit_fails_at_once_without_a_request_or_a_retry(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on("/clients", reply(b"", 500))
    client = new_client(server)
    fails(client)
    fails(client)
    patient = new_client(server, retry=RetryPolicy((30.0, 30.0, 30.0)))
    started = time.monotonic()
    error = fails(patient)
    assert isinstance(error, CircuitOpenError)
    assert (error.circuit, error.failures) == ("clients", 5)
    assert 55 < error.seconds_left <= 60
    assert time.monotonic() - started < 20
    assert len(server.seen("/clients")) == 5
    assert len(circuits.log) == 5 + 2


def test_one_failing_collection_does_not_open_the_circuit_of_another(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"", 500))
    server.on("/portfolios", reply())
    client = new_client(server)
    fails(client)
    fails(client)
    assert [page.records for page in client.fetch(PORTFOLIOS)] == [0]


NOT_RETRIED: dict[str, Script] = {
    "404": reply(b"{}", 404),
    "second 401": reply(b"{}", 401),
    "HTML": reply(b"<html>"),
    "foreign link": reply(Link='<https://elsewhere/>; rel="next"'),
    "redirect": reply(b"", 302, Location="/login"),
    "304": b"HTTP/1.1 304 X\r\n\r\n",
}


@pytest.mark.parametrize("fault", NOT_RETRIED)
def test_a_failure_that_is_not_retried_counts_too(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits, fault: str
) -> None:
    server.on("/clients", NOT_RETRIED[fault])
    client = new_client(server)
    for _ in range(5):
        assert not isinstance(fails(client), CircuitOpenError)
    assert [each for each in circuits.log if each[0] == "clients"] == 5 * [("clients", "failed")]
    assert isinstance(fails(client), CircuitOpenError)


def test_a_401_that_a_new_token_resolves_does_not_count(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on("/clients", reply(b"{}", 401), reply())
    list(new_client(server).fetch(CLIENTS))
    assert circuits.log == [TOKEN_WORKED, TOKEN_WORKED, ("clients", "succeeded")]


def test_a_success_is_reported_so_that_the_count_of_failures_starts_anew(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on("/clients", *3 * [reply(b"", 500)], reply(), *3 * [reply(b"", 500)], reply())
    client = new_client(server)
    list(client.fetch(CLIENTS))
    list(client.fetch(CLIENTS))
    assert circuits.log == [TOKEN_WORKED] + 2 * [*3 * [("clients", "failed")], ("clients", "succeeded")]


def test_the_token_endpoint_has_a_circuit_of_its_own(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on(TOKEN, reply(b"", 500))
    client = new_client(server)
    fails(client)
    fails(client)
    assert circuits.log == 5 * [("token", "failed")]
    error = fails(client)
    assert isinstance(error, CircuitOpenError)
    assert error.circuit == "token"
    assert server.seen("/clients") == []


def test_refused_credentials_count_on_the_token_endpoints_circuit(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on(TOKEN, reply(b"{}", 401), token_reply())
    fails(new_client(server))
    assert circuits.log == [("token", "failed")]


def test_the_trial_closes_the_circuit_or_opens_it_again(server: Inn8, new_client: NewClient) -> None:
    circuits = MemoryCircuits(failures_to_open=2, open_seconds=60.0)
    server.on("/clients", *3 * [reply(b"", 500)], reply())
    client = new_client(server, circuits)
    assert isinstance(fails(client), TransientApiError)
    assert isinstance(fails(client), CircuitOpenError)
    circuits.opened_until["clients"] = time.monotonic()
    error = fails(client)
    assert isinstance(error, TransientApiError)
    assert error.attempts == 1, "one trial, and no retry of it"
    assert isinstance(fails(client), CircuitOpenError)
    circuits.opened_until["clients"] = time.monotonic()
    assert [page.records for page in client.fetch(CLIENTS)] == [0]
    assert [what for circuit, what in circuits.log if circuit == "clients"] == [
        "failed",
        "failed",
        "trial failed",
        "trial succeeded",
    ]


def test_a_circuit_that_another_process_opens_between_two_retries_raises_the_failure_before_it(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    def failing(_: Seen) -> bytes:
        circuits.failures["clients"] = 5
        circuits.opened_until["clients"] = time.monotonic() + 60
        return reply(b"", 502)

    class Unaware(MemoryCircuits):
        def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:
            super().failed(circuit, failure, is_trial=is_trial)
            return False

        def admit(self, circuit: str, lease_seconds: float) -> bool:
            return circuits.admit(circuit, lease_seconds)

    server.on("/clients", failing)
    error = fails(new_client(server, Unaware()))
    assert isinstance(error, TransientApiError)
    assert (error.reason, error.attempts) == ("answered 502", 1)
    assert len(server.seen("/clients")) == 1


def test_of_several_pages_the_error_of_the_failed_one_is_raised_and_not_the_open_circuit() -> None:
    def read(_: Fetch, request: PageRequest) -> FetchedPage:
        if request.number == 3:
            raise TransientApiError("GET", request.url, "answered 503", 4)
        if request.number > 1:
            raise CircuitOpenError("clients", 5, 60.0)
        links = PageLinks("http://127.0.0.1/clients?page=2", "http://127.0.0.1/clients?page=9")
        return FetchedPage(Page(request.number, b"[]", 0), [], None, links)

    pages = iter(Fetch(PagingOptions("clients", "http://127.0.0.1/clients", 4, 100), read, lambda _: None))
    next(pages)
    time.sleep(0.2)
    with pytest.raises(TransientApiError):
        next(pages)


PATIENT_WITH_CIRCUITS = RetryPolicy((0.02, 0.04, 0.06), jitter_seconds=0.0, open_circuit_wait_seconds=10.0)


def test_a_client_that_may_wait_pauses_for_an_open_circuit_and_goes_on(server: Inn8, new_client: NewClient) -> None:
    """Seven 503s in a row, and a breaker that is open for half a second."""
    circuits = MemoryCircuits(open_seconds=0.5)
    notices: list[str] = []
    server.on("/clients", *7 * [reply(b"", 503)], reply())
    client = new_client(
        server, circuits, retry=PATIENT_WITH_CIRCUITS, on_notice=lambda notice: notices.append(str(notice))
    )
    assert isinstance(fails(client), TransientApiError), "four attempts, as ever"
    assert [page.records for page in client.fetch(CLIENTS)] == [0], "the fifth failure opens the circuit, and it waits"
    assert [what for name, what in circuits.log if name == "clients"] == [
        *5 * ["failed"],
        *2 * ["trial failed"],
        "trial succeeded",
    ]
    assert [each for each in notices if each.startswith("Waiting up to 10 s for the circuit breaker.")]


def test_a_client_that_may_wait_gives_up_at_the_bound(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    circuits.opened_until["clients"], circuits.failures["clients"] = time.monotonic() + 60, 5
    started = time.monotonic()
    policy = RetryPolicy(open_circuit_wait_seconds=0.4)
    assert isinstance(fails(new_client(server, retry=policy)), CircuitOpenError)
    assert 0.4 <= time.monotonic() - started < 20
    assert server.seen("/clients") == []


def test_a_wait_for_a_circuit_ends_when_the_client_is_closed(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on("/clients", in_pages(3, lambda number: reply(b"{}", 400) if number == 2 else None))
    client = new_client(server, retry=RetryPolicy((), open_circuit_wait_seconds=60.0))
    pages = iter(client.fetch(CLIENTS))
    next(pages)
    circuits.opened_until["clients"], circuits.failures["clients"] = time.monotonic() + 60, 5
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (reply(b"", 503), "GET /clients: INN8 answered 503"),
        (reply(b"{}", 404), "GET /clients: INN8 answered 404"),
        (reply(b"{}", 401), "GET /clients: INN8 answered 401"),
        (
            reply(b'{"error": "Jane"}'),
            "GET /clients: the response is not a JSON array but an object with the keys error",
        ),
        (cut(reply(), -1), "GET /clients: INN8 broke off, or sent invalid HTTP"),
    ],
)
def test_the_report_to_the_circuit_names_the_failed_request(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits, script: Script, failure: str
) -> None:
    server.on("/clients", script)
    client = new_client(server)
    for _ in range(5):
        error = fails(client)
        if isinstance(error, CircuitOpenError):
            break
    assert circuits.last_failure["clients"] == failure
    assert f"so no request was made. The last one: {failure}. Nothing of this sync" in str(fails(client))


def test_a_check_of_the_credentials_neither_reads_nor_changes_a_circuit(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on(TOKEN, *8 * [reply(b"", 500)], token_reply())
    for _ in range(2):
        with pytest.raises(TransientApiError):
            new_client(server).check_credentials()
    circuits.opened_until["token"], circuits.failures["token"] = time.monotonic() + 60, 5
    new_client(server).check_credentials()
    assert circuits.log == []


def test_the_lease_of_a_trial_is_longer_than_any_attempt(server: Inn8, new_client: NewClient) -> None:
    leases: list[float] = []

    class Listening(MemoryCircuits):
        def admit(self, circuit: str, lease_seconds: float) -> bool:
            leases.append(lease_seconds)
            return super().admit(circuit, lease_seconds)

    server.on("/clients", reply())
    list(new_client(server, Listening(), retry=QUICK).fetch(CLIENTS))
    assert leases
    assert all(10.0 < lease < 60.0 for lease in leases)


def test_a_page_after_the_first_counts_as_an_attempt_of_the_collection(
    server: Inn8, new_client: NewClient, circuits: MemoryCircuits
) -> None:
    server.on("/clients", reply(Link='<?page=2>; rel="next"'), reply(b"nonsense"))
    with pytest.raises(ContractError, match="Page 2 of clients is not a JSON array"):
        list(new_client(server).fetch(CLIENTS))
    assert circuits.log == [TOKEN_WORKED, ("clients", "succeeded"), ("clients", "failed")]
