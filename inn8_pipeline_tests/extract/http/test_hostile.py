"""Broken and malicious servers: each fetch ends in bounded time and memory, with an error that says what came."""

import gzip
import importlib
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ApiError, ContractError, TransientApiError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import RetryPolicy, Timeouts
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import TOKEN, Inn8, Seen, records, reply

MIB = 1024 * 1024
ONCE = RetryPolicy(waits_seconds=())
HASTY = Timeouts(connect_seconds=1.0, read_seconds=0.4, attempt_seconds=0.8)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def error_of(client: Inn8Client) -> ApiError:
    """Return the error that a fetch ends in; it must come in time, and no page may be yielded."""
    started = time.monotonic()
    with pytest.raises(ApiError) as caught:
        next(iter(client.fetch(CLIENTS)))
    assert time.monotonic() - started < 20
    return caught.value


def for_ever(head: bytes, part: bytes, pause_seconds: float = 0.0) -> Callable[[Seen], Iterator[bytes]]:
    """Return a script that sends a head, and then the same part until the client hangs up."""

    def parts(_: Seen) -> Iterator[bytes]:
        yield head
        while True:
            yield part
            time.sleep(pause_seconds)

    return parts


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(for_ever(HEAD + b"\r\n[", b'{"id": "a"},' * 5000), id="no length"),
        pytest.param(
            for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n" % (MIB // 16, b"1" * (MIB // 16))),
            id="chunks",
        ),
        pytest.param(reply(b"[]" + b" " * 3 * MIB), id="too long"),
        pytest.param(
            for_ever(
                HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff" * 9999
            ),
            id="gzip that never yields a byte",
        ),
    ],
)
def test_a_body_that_never_ends_is_cut_at_the_bound(server: Inn8, new_client: NewClient, script: object) -> None:
    server.scripts["/clients"] = [script]  # type: ignore[list-item]
    error = error_of(new_client(server, max_body_bytes=2 * MIB))
    assert isinstance(error, ContractError)
    assert f"is longer than {2 * MIB} bytes" in str(error)
    assert "INN8_MAX_BODY" in str(error)


def test_a_body_of_exactly_the_bound_is_accepted(server: Inn8, new_client: NewClient) -> None:
    body = b"[" + b" " * (MIB - 2) + b"]"
    for answer in (reply(body), reply(gzip.compress(body), Content_Encoding="gzip")):
        server.on("/clients", answer)
        (page,) = new_client(server, max_body_bytes=MIB).fetch(CLIENTS)
        assert page.body == body


def test_a_gzip_bomb_within_gzip_is_stopped_while_it_is_unpacked(server: Inn8, new_client: NewClient) -> None:
    bomb = gzip.compress(gzip.compress(b"[" + b" " * 300 * MIB))
    server.on("/clients", reply(bomb, Content_Encoding="gzip, gzip"))
    client = new_client(server, max_body_bytes=2 * MIB)
    tracemalloc.start()
    error = error_of(client)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "is longer than" in str(error)
    assert peak < 10 * MIB


def test_a_gzip_bomb_is_stopped_while_it_is_unpacked(server: Inn8, new_client: NewClient) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(b"[" + b" " * MIB) for _ in range(300)) + packer.flush()
    server.on("/clients", reply(bomb, Content_Encoding="gzip"))
    client = new_client(server, max_body_bytes=2 * MIB)
    tracemalloc.start()
    error = error_of(client)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "is longer than" in str(error)
    assert peak < 10 * MIB


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, br", "gzip, gzip, gzip, gzip", "x" * 5000])
def test_an_encoding_that_was_not_asked_for_is_refused(server: Inn8, new_client: NewClient, encoding: str) -> None:
    server.on("/clients", reply(b"[]", Content_Encoding=encoding))
    assert "is compressed otherwise than by gzip" in str(error_of(new_client(server)))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b'[{"id":"a","x":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}]",
        b'[{"a":' * 500_000,
        b'[{"id":"\\ud800","x":' + b'{"a":' * 500_000 + b"1" + b"}" * 500_000 + b"}]",
    ],
    ids=["open", "in a record", "mixed", "beside a lone surrogate"],
)
def test_deeply_nested_json_is_an_error_and_not_a_crash(server: Inn8, new_client: NewClient, body: bytes) -> None:
    server.on("/clients", reply(body))
    error = error_of(new_client(server))
    assert isinstance(error, ContractError)
    assert "is not a JSON array that can be read" in str(error)


def test_deeply_nested_json_in_a_refusal_does_not_hide_its_status(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'{"a":' * 10_000, 400))
    assert "refused GET /clients with 400" in str(error_of(new_client(server)))


def test_a_refusal_that_never_ends_is_read_no_further_than_needed(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", for_ever(HEAD.replace(b"200 OK", b"403 No") + b"\r\n", b"{" * 65536))
    assert "refused GET /clients with 403" in str(error_of(new_client(server)))


@pytest.mark.parametrize("path", [TOKEN, "/clients"])
def test_a_hundred_thousand_headers_are_too_many(server: Inn8, new_client: NewClient, path: str) -> None:
    headers = b"".join(b"X-Header-%d: value\r\n" % number for number in range(100_000))
    server.on("/clients", reply())
    server.on(path, HEAD + headers + b"Content-Length: 2\r\n\r\n[]")
    error = error_of(new_client(server, retry=ONCE))
    assert isinstance(error, TransientApiError)
    assert error.reason == "broke off, or sent invalid HTTP"


def test_1500_headers_are_accepted_and_no_cookie_is_kept(server: Inn8, new_client: NewClient) -> None:
    headers = b"".join(b"Set-Cookie: c%d=%s\r\n" % (number, b"x" * 20) for number in range(1500))
    server.on("/clients", HEAD.replace(b"Connection: close\r\n", b"") + headers + b"Content-Length: 2\r\n\r\n[]")
    client = new_client(server)
    for _ in range(2):
        list(client.fetch(CLIENTS))
    assert all("cookie" not in seen.headers for seen in server.requests)


DRIPS = {
    "body": for_ever(HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 0.05),
    "chunked body": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.05),
    "head": for_ever(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x", 0.05),
    "interim answers": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
}


@pytest.mark.parametrize("path", [TOKEN, "/clients"])
@pytest.mark.parametrize("drip", DRIPS)
def test_a_server_that_drips_is_abandoned_at_the_attempts_deadline(
    server: Inn8, new_client: NewClient, drip: str, path: str
) -> None:
    server.on("/clients", reply())
    server.on(path, DRIPS[drip])
    error = error_of(new_client(server, retry=ONCE, timeouts=HASTY))
    assert isinstance(error, TransientApiError)
    assert error.reason == "did not answer in time"


def test_interim_answers_without_a_pause_end_too(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", for_ever(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100))
    assert isinstance(error_of(new_client(server, retry=ONCE, timeouts=HASTY)), TransientApiError)


def test_a_token_response_of_fifty_megabytes_is_cut_at_the_bound(server: Inn8, new_client: NewClient) -> None:
    sent = 0

    def parts(_: Seen) -> Iterator[bytes]:
        nonlocal sent
        yield HEAD + b"Content-Length: %d\r\n\r\n" % (50 * MIB)
        for _part in range(50 * 16):
            sent += 1
            yield b" " * (MIB // 16)

    server.on(TOKEN, parts)
    error = error_of(new_client(server))
    assert str(error).startswith("The response to POST /oauth/token is longer than 65536 bytes")
    assert sent < 25 * 16, "it was read no further than needed"


def test_a_retry_after_of_thirty_years_costs_the_bound_and_no_more(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"", 503, Retry_After="1000000000"))
    policy = RetryPolicy((0.01, 0.01), 0.0, max_retry_after_seconds=0.2)
    error = error_of(new_client(server, retry=policy))
    assert isinstance(error, TransientApiError)
    assert error.attempts == 3


def test_memory_does_not_grow_with_the_number_of_pages(server: Inn8, new_client: NewClient) -> None:
    page = records(*(f"{number:032}" for number in range(1000)))
    last = 300

    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        link = f'<?page={number + 1}>; rel="next", <?page={last}>; rel="last"'
        return reply(page.replace(b"00000000", b"%08d" % number), headers={"Link": link} if number < last else None)

    server.on("/clients", answer)
    # The first fetch of several pages imports it, which takes 5 MB.
    importlib.import_module("numpy")
    tracemalloc.start()
    fetch = new_client(server).fetch(CLIENTS)
    assert sum(each.records for each in fetch) == 1000 * last
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fetch.is_complete
    assert peak < fetch.bytes / 2
