"""How the client uses the circuit breaker: what counts as a failure, and what an open circuit does."""

import time
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
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Script, Seen, reply, token_reply

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
    assert time.monotonic() - started < 2
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
    circuits = MemoryCircuits(failures_to_open=2, open_seconds=0.3)
    server.on("/clients", *3 * [reply(b"", 500)], reply())
    client = new_client(server, circuits)
    assert isinstance(fails(client), TransientApiError)
    assert isinstance(fails(client), CircuitOpenError)
    time.sleep(0.35)
    error = fails(client)
    assert isinstance(error, TransientApiError)
    assert error.attempts == 1, "one trial, and no retry of it"
    assert isinstance(fails(client), CircuitOpenError)
    time.sleep(0.35)
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
        def failed(self, circuit: str, *, is_trial: bool) -> bool:
            super().failed(circuit, is_trial=is_trial)
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
