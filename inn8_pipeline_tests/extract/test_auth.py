"""The access token: requested once, used while it is valid, and renewed in time."""

import json
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS
from inn8_pipeline.errors import (
    ContractError,
    CredentialsError,
    RefusedRequestError,
    TransientApiError,
)
from inn8_pipeline.extract.auth import Token, TokenSource
from inn8_pipeline.extract.endpoint import DEFAULT_TIMEOUTS, Endpoint
from inn8_pipeline.extract.retry import Retrier
from inn8_pipeline_tests.extract.circuits import MemoryCircuits
from inn8_pipeline_tests.extract.conftest import QUICK, SECRET, NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Script, Seen, cut, records, reply, token_reply

FOREVER = threading.Event()


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(server: Inn8, circuits: MemoryCircuits, clock: Clock) -> Iterator[TokenSource]:
    """Return a token source on the test's clock; the server numbers its tokens."""
    server.on(TOKEN, *(token_reply(f"token-{number}") for number in range(1, 50)))
    with httpx.Client(trust_env=False) as http:
        retrier = Retrier(circuits, QUICK, DEFAULT_TIMEOUTS, lambda _: None)
        yield TokenSource(Endpoint("acme", server.url, "our-id", SECRET), http, retrier, clock)


def test_the_request_is_the_contracts_form(server: Inn8, source: TokenSource) -> None:
    assert source.token(FOREVER).value == "token-1"
    (seen,) = server.seen(TOKEN)
    assert seen.method == "POST"
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in seen.headers
    assert seen.form == {
        "grant_type": "client_credentials",
        "client_id": "our-id",
        "client_secret": SECRET,
        "scope": "api.read api.write",
    }


@pytest.mark.parametrize(
    ("expires_in", "used_seconds"),
    [
        (3600, 3300),
        ("7200", 6900),
        (" 7200 ", 6900),
        (3600.5, 3300.5),
        (601, 301),
        (600, 300),
        (60, 30),
        (1, 0.5),
        (None, 30),
        (10**30, 86_100),
        (1e308, 86_100),
        ("9" * 18, 86_100),
    ],
)
def test_a_token_is_used_until_5_minutes_before_its_end_and_a_short_one_for_half_of_its_life(
    server: Inn8, source: TokenSource, clock: Clock, expires_in: object, used_seconds: float
) -> None:
    server.on(TOKEN, token_reply("first", expires_in=expires_in), token_reply("second"))
    assert source.token(FOREVER).value == "first"
    clock.seconds += used_seconds - 0.01
    assert source.token(FOREVER).value == "first"
    clock.seconds += 0.02
    assert source.token(FOREVER).value == "second"
    assert len(server.seen(TOKEN)) == 2


def test_the_lifetime_counts_from_before_the_request(server: Inn8, source: TokenSource, clock: Clock) -> None:
    def late(_: Seen) -> bytes:
        clock.seconds += 20
        return token_reply("first", expires_in=60)

    server.on(TOKEN, late, token_reply("second"))
    source.token(FOREVER)
    clock.seconds += 11
    assert source.token(FOREVER).value == "second"


def test_one_request_is_made_however_many_threads_ask(server: Inn8, source: TokenSource) -> None:
    def late(_: Seen) -> bytes:
        time.sleep(0.1)
        return token_reply("the-one")

    server.on(TOKEN, late)
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda _: source.token(FOREVER), range(16)))
    assert {token.value for token in tokens} == {"the-one"}
    assert len(server.seen(TOKEN)) == 1


def test_one_renewal_is_made_however_many_threads_were_refused(server: Inn8, source: TokenSource) -> None:
    refused = source.token(FOREVER)
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda _: source.renewed(refused, FOREVER), range(16)))
    assert {token.value for token in tokens} == {"token-2"}
    assert len(server.seen(TOKEN)) == 2


def test_a_token_that_ends_between_two_retries_is_not_sent_again(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, token_reply("first", expires_in=0.02), token_reply("second"))
    server.on("/clients", reply(b"", 500), reply())
    list(new_client(server).fetch(CLIENTS))
    assert [seen.headers["authorization"] for seen in server.seen("/clients")] == ["Bearer first", "Bearer second"]


def test_one_token_serves_all_collections_of_a_client(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply())
    server.on("/portfolios", reply())
    client = new_client(server)
    for collection in (CLIENTS, PORTFOLIOS, CLIENTS):
        list(client.fetch(collection))
    assert len(server.seen(TOKEN)) == 1


def test_a_revoked_token_is_renewed_once_and_costs_no_retry(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, token_reply("revoked"), token_reply("good"))
    server.on("/clients", reply(b"{}", 401), reply(records("a"), X_Total_Count="1"))
    fetch = new_client(server).fetch(CLIENTS)
    assert [page.records for page in fetch] == [1]
    assert fetch.retries == 0
    assert [seen.headers["authorization"] for seen in server.seen("/clients")] == ["Bearer revoked", "Bearer good"]


def test_a_token_revoked_under_four_threads_costs_one_new_one(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, token_reply("revoked"), token_reply("good"))

    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        if number > 1 and seen.headers["authorization"] == "Bearer revoked":
            time.sleep(0.05)
            return reply(b"{}", 401)
        link = f'<?page={number + 1}>; rel="next", <?page=9>; rel="last"'
        return reply(records(str(number)), headers={"Link": link} if number < 9 else None)

    server.on("/clients", answer)
    assert len(list(new_client(server).fetch(CLIENTS))) == 9
    assert len(server.seen(TOKEN)) == 2


def test_a_second_401_names_the_credentials_settings(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"{}", 401))
    with pytest.raises(CredentialsError, match="INN8_CLIENT_ID, INN8_CLIENT_SECRET and INN8_SCOPE") as caught:
        list(new_client(server).fetch(CLIENTS))
    assert (caught.value.path, caught.value.status) == ("/clients", 401)
    assert (len(server.seen(TOKEN)), len(server.seen("/clients"))) == (2, 2)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_an_error_at_once(server: Inn8, new_client: NewClient, status: int) -> None:
    server.on(TOKEN, reply(b'{"error": "invalid_client"}', status))
    with pytest.raises(CredentialsError) as caught:
        new_client(server).check_credentials()
    assert (caught.value.method, caught.value.path, caught.value.status) == ("POST", TOKEN, status)
    assert len(server.requests) == 1


def test_another_4xx_of_the_token_endpoint_does_not_blame_the_credentials(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, reply(b"{}", 404))
    with pytest.raises(RefusedRequestError, match="refused POST /oauth/token with 404"):
        new_client(server).check_credentials()


def test_the_token_endpoint_is_retried_like_a_collection(server: Inn8, new_client: NewClient) -> None:
    server.on(TOKEN, reply(b"", 503), reply(b"", 500), token_reply())
    server.on("/clients", reply())
    list(new_client(server).fetch(CLIENTS))
    assert (len(server.seen(TOKEN)), len(server.seen("/clients"))) == (3, 1)


def test_a_token_endpoint_that_stays_down_is_named_and_the_page_does_not_retry_it(
    server: Inn8, new_client: NewClient
) -> None:
    server.on(TOKEN, reply(b"", 503))
    with pytest.raises(TransientApiError, match="POST /oauth/token failed 4 times in a row: INN8 answered 503"):
        list(new_client(server).fetch(CLIENTS))
    assert (len(server.seen(TOKEN)), len(server.seen("/clients"))) == (4, 0)


NOT_TOKENS: dict[str, tuple[Any, str]] = {
    "not JSON": (b"token-1", "is not a JSON object"),
    "HTML": (b"<html>", "is not a JSON object"),
    "array": ([], "is not a JSON object"),
    "nested": (b"[" * 60_000, "is not a JSON object"),
    "no token": ({"token_type": "Bearer", "expires_in": 3600}, "has no usable access_token"),
    "null token": ({"access_token": None}, "has no usable access_token"),
    "number": ({"access_token": 12}, "has no usable access_token"),
    "empty token": ({"access_token": ""}, "has no usable access_token"),
    "line break": ({"access_token": "token-1\r\nX: y"}, "has no usable access_token"),
    "trailing line break": ({"access_token": "token-1\n"}, "has no usable access_token"),
    "not ASCII": ({"access_token": "tök"}, "has no usable access_token"),
    "very long": ({"access_token": "t" * 20_000}, "has no usable access_token"),
    "MAC": ({"access_token": "token-1", "token_type": "mac"}, "has a token_type other than Bearer"),
    "zero": ({"access_token": "token-1", "expires_in": 0}, "no positive number of seconds"),
    "negative": ({"access_token": "token-1", "expires_in": -1}, "no positive number of seconds"),
    "true": ({"access_token": "token-1", "expires_in": True}, "no positive number of seconds"),
    "text": ({"access_token": "token-1", "expires_in": "soon"}, "no positive number of seconds"),
    "object": ({"access_token": "token-1", "expires_in": {}}, "no positive number of seconds"),
}


@pytest.mark.parametrize("name", NOT_TOKENS)
def test_a_response_without_a_token_is_an_error_that_does_not_repeat_it(
    server: Inn8, new_client: NewClient, name: str
) -> None:
    answer, finding = NOT_TOKENS[name]
    server.on(TOKEN, reply(answer if isinstance(answer, bytes) else json.dumps(answer).encode()))
    with pytest.raises(ContractError, match=finding) as caught:
        new_client(server).check_credentials()
    assert "token-1" not in "".join(traceback.format_exception(caught.value))
    assert len(server.requests) == 1


@pytest.mark.parametrize("token_type", ["bearer", "BEARER", None, "BearerToken", " Bearer ", "bearer token"])
def test_a_token_type_may_be_spelled_in_several_ways_or_be_absent(
    server: Inn8, new_client: NewClient, token_type: object
) -> None:
    server.on(TOKEN, token_reply(token_type=token_type))
    new_client(server).check_credentials()
    assert len(server.seen(TOKEN)) == 1


@pytest.mark.parametrize("status", [201, 203])
def test_a_token_may_come_with_another_status_of_success(server: Inn8, new_client: NewClient, status: int) -> None:
    server.on(TOKEN, token_reply().replace(b" 200 ", b" %d " % status))
    new_client(server).check_credentials()


TOKEN_FAILURES: dict[str, Script] = {
    "empty": reply(b""),
    "blank": reply(b" \n"),
    "cut off without a length": b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"access_token": "tok',
    "403 with a wait": reply(b"{}", 403, Retry_After="0"),
    "425": reply(b"{}", 425),
}


@pytest.mark.parametrize("failure", TOKEN_FAILURES)
def test_a_transient_failure_of_the_token_endpoint_is_retried(
    server: Inn8, new_client: NewClient, failure: str
) -> None:
    script = TOKEN_FAILURES[failure]
    server.on(TOKEN, cut(script, 10**6) if isinstance(script, bytes) else script, token_reply())
    new_client(server).check_credentials()
    assert len(server.seen(TOKEN)) == 2


def test_no_secret_is_in_a_repr(server: Inn8, source: TokenSource, new_client: NewClient) -> None:
    endpoint = Endpoint("acme", server.url, "our-id", SECRET)
    token = source.token(FOREVER)
    for each in (endpoint, token, source, new_client(server)):
        assert SECRET not in repr(each)
        assert "token-1" not in repr(each)
    assert repr(token) == f"Token(renew_at_seconds={token.renew_at_seconds})"
    assert isinstance(token, Token)
