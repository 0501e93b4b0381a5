"""Transient failures are retried after the right waits, up to the agreed number; other failures are not."""

import gzip
import itertools
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import stamina

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ContractError, RefusedRequestError, TransientApiError
from inn8_pipeline.extract.endpoint import RetryPolicy, Timeouts
from inn8_pipeline.extract.retry import RetryNotice
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import HangUpError, Inn8, Script, Seen, cut, records, reply

PAGE = records("a", "b")


def hang_up(_: Seen) -> Iterator[bytes]:
    raise HangUpError
    yield b""


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + end


HEAD_WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
PACKED = gzip.compress(PAGE)
TRANSIENT: dict[str, tuple[Script, str]] = {
    **{
        str(status): (reply(b"{}", status), f"answered {status}") for status in (408, 425, 429, 500, 502, 503, 504, 599)
    },
    "403 with a wait": (reply(b"{}", 403, Retry_After="0"), "answered 403"),
    "no bytes": (reply(b""), "sent an empty response"),
    "blanks": (reply(b" \r\n"), "sent an empty response"),
    "byte order mark alone": (reply(b"\xef\xbb\xbf"), "sent an empty response"),
    "no bytes and no length": (HEAD_WITHOUT_LENGTH, "sent an empty response"),
    "cut without length": (HEAD_WITHOUT_LENGTH + PAGE[:-1], "cut its response short"),
    "cut in a character without length": (HEAD_WITHOUT_LENGTH + b'[{"id": "\xc3', "cut its response short"),
    "cut behind a bracket without length": (HEAD_WITHOUT_LENGTH + b'[{"id": "a", "x": []', "cut its response short"),
    "hung up": (hang_up, "broke off, or sent invalid HTTP"),
    "cut body": (cut(reply(PAGE), -3), "broke off, or sent invalid HTTP"),
    "cut head": (cut(reply(PAGE), 20), "broke off, or sent invalid HTTP"),
    "cut chunk": (cut(chunked(PAGE), -10), "broke off, or sent invalid HTTP"),
    "bad chunk": (chunked(PAGE, end=b"zz\r\n"), "broke off, or sent invalid HTTP"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", "broke off, or sent invalid HTTP"),
    "cut gzip": (reply(PACKED[:-9], Content_Encoding="gzip"), "cut its response short"),
    "bad gzip": (reply(PACKED[:9] + b"xxxx" + PACKED[13:], Content_Encoding="gzip"), "cut its response short"),
    "no gzip": (reply(PAGE, Content_Encoding="gzip"), "cut its response short"),
}


def test_a_500_followed_by_a_200_with_an_empty_array_succeeds(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"oops", 500), reply(b"[]"))
    fetch = new_client(server).fetch(CLIENTS)
    assert [page.body for page in fetch] == [b"[]"]
    assert (fetch.is_complete, fetch.retries) == (True, 1)


@pytest.mark.parametrize("failure", TRANSIENT)
def test_a_transient_failure_is_retried_and_announced(server: Inn8, new_client: NewClient, failure: str) -> None:
    script, reason = TRANSIENT[failure]
    notices: list[RetryNotice] = []
    # Hang up after each, so that the rest of a broken response cannot be taken for the next one.
    server.on("/clients", cut(script, 10**6) if isinstance(script, bytes) else script, reply(PAGE))
    fetch = new_client(server, on_notice=notices.append).fetch(CLIENTS)
    assert [page.body for page in fetch] == [PAGE]
    assert notices == [RetryNotice(1, 0.02, reason, "GET", "/clients")]
    assert str(notices[0]) == f"GET /clients failed: INN8 {reason}. Retry 1 follows in 0.0 s."


def test_a_timeout_is_retried(server: Inn8, new_client: NewClient) -> None:
    is_fetched = threading.Event()

    def late(_: Seen) -> bytes:
        is_fetched.wait(10)
        return reply(PAGE)

    notices: list[RetryNotice] = []
    server.on("/clients", late, reply(PAGE))
    client = new_client(server, timeouts=Timeouts(5.0, 1.0, 10.0), on_notice=notices.append)
    try:
        assert [page.body for page in client.fetch(CLIENTS)] == [PAGE]
    finally:
        is_fetched.set()
    assert [notice.reason for notice in notices] == ["did not answer in time"]


def test_a_server_that_is_not_there_is_tried_four_times(server: Inn8, new_client: NewClient) -> None:
    client = new_client(server)
    server.stop_accepting()
    with pytest.raises(TransientApiError, match="POST /oauth/token failed 4 times in a row: INN8 could not be reached"):
        list(client.fetch(CLIENTS))


def test_an_unknown_host_name_is_named_as_the_reason(server: Inn8, new_client: NewClient) -> None:
    with pytest.raises(TransientApiError, match="has a host name that cannot be resolved"):
        list(new_client(server, base_url="https://inn8.invalid").fetch(CLIENTS))


def test_a_server_without_tls_is_named_as_the_reason(server: Inn8, new_client: NewClient) -> None:
    with pytest.raises(TransientApiError, match="offered no TLS connection that is trusted here"):
        list(new_client(server, base_url=server.url.replace("http", "https")).fetch(CLIENTS))


def test_after_three_retries_it_is_an_error_with_the_last_reason(server: Inn8, new_client: NewClient) -> None:
    notices: list[RetryNotice] = []
    server.on("/clients", reply(b"", 500), reply(b"", 502), reply(b"", 503), reply(b"", 504))
    fetch = new_client(server, on_notice=notices.append).fetch(CLIENTS)
    with pytest.raises(TransientApiError) as caught:
        list(fetch)
    assert (caught.value.reason, caught.value.attempts) == ("answered 504", 4)
    assert [(each.number, each.reason) for each in notices] == [
        (1, "answered 500"),
        (2, "answered 502"),
        (3, "answered 503"),
    ]
    assert fetch.retries == 3
    assert len(server.seen("/clients")) == 4


def test_the_waits_are_two_four_and_eight_seconds_with_up_to_one_of_jitter() -> None:
    assert (RetryPolicy().waits_seconds, RetryPolicy().jitter_seconds) == ((2.0, 4.0, 8.0), 1.0)


def test_each_wait_is_kept_and_jitter_added(server: Inn8, new_client: NewClient) -> None:
    notices: list[RetryNotice] = []
    arrivals: list[float] = []

    def failing(_: Seen) -> bytes:
        arrivals.append(time.monotonic())
        return reply(b"", 500)

    server.on("/clients", failing)
    policy = RetryPolicy((0.05, 0.1, 0.2), jitter_seconds=0.05)
    with pytest.raises(TransientApiError):
        list(new_client(server, retry=policy, on_notice=notices.append).fetch(CLIENTS))
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    for wait, notice, gap in zip(policy.waits_seconds, notices, gaps, strict=True):
        assert wait <= notice.delay_seconds <= wait + 0.05
        assert notice.delay_seconds <= gap < notice.delay_seconds + 10
    assert len({notice.delay_seconds - wait for wait, notice in zip(policy.waits_seconds, notices, strict=True)}) > 1


def in_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "1000000000"}, 0.3),
        ({"Retry-After": "9" * 5000}, 0.3),
        ({"Retry-After": in_an_hour()}, 0.3),
        ({"Retry-After": "Sun Nov  6 08:49:37 2094"}, 0.3),
        ({"Retry-After": "6.0"}, 0.3),
        ({"Retry-After": "0.1"}, 0.1),
        ({"Retry-After": "0.15, 0.1"}, 0.15),
        ({"Retry-After": "0.1", "retry-after": "0.2"}, 0.2),
        ({"Retry-After": "0"}, 0.02),
        ({"Retry-After": "-5"}, 0.02),
        ({"Retry-After": "soon"}, 0.02),
        ({"Retry-After": "Sun, 99 Nov 99999999 99:99:99 GMT"}, 0.02),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.02),
        ({"Retry-After": in_an_hour(), "Date": in_an_hour()}, 0.02),
    ],
)
def test_a_longer_retry_after_is_waited_out_in_either_form_up_to_a_bound(
    server: Inn8, new_client: NewClient, headers: dict[str, str], seconds: float
) -> None:
    notices: list[RetryNotice] = []
    server.on("/clients", reply(b"", 429, headers=headers), reply())
    started = time.monotonic()
    list(new_client(server, on_notice=notices.append).fetch(CLIENTS))
    assert [notice.delay_seconds for notice in notices] == [pytest.approx(seconds, abs=0.01)]
    assert seconds <= time.monotonic() - started < seconds + 10


def test_a_retry_after_in_seconds_within_the_bound_is_kept_to_the_second(server: Inn8, new_client: NewClient) -> None:
    notices: list[RetryNotice] = []
    server.on("/clients", reply(b"", 503, Retry_After="1"), reply())
    policy = RetryPolicy((0.02,), 0.0, max_retry_after_seconds=5.0)
    list(new_client(server, retry=policy, on_notice=notices.append).fetch(CLIENTS))
    assert [notice.delay_seconds for notice in notices] == [1.0]


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 410, 422, 451])
def test_any_other_4xx_is_an_error_at_once_that_never_shows_the_body(
    server: Inn8, new_client: NewClient, status: int
) -> None:
    body = b'{"error": "no Jane Doe", "message": "+27 82 555 0199", "Jane Doe": 1}'
    server.on("/clients", reply(body, status, Content_Type="application/problem+json; charset=utf-8"))
    with pytest.raises(RefusedRequestError) as caught:
        list(new_client(server).fetch(CLIENTS))
    assert len(server.seen("/clients")) == 1
    error = caught.value
    assert (error.method, error.path, error.status, error.length) == ("GET", "/clients", status, len(body))
    assert (error.content_type, error.keys) == ("application/problem+json", ("error", "message"))
    assert "Jane" not in "".join(traceback.format_exception(error))


def test_the_outline_of_a_refusal_is_bounded_and_shows_only_names(server: Inn8, new_client: NewClient) -> None:
    keys = ", ".join(f'"key{each}": {{}}' for each in range(500))
    server.on("/clients", reply(f"{{{keys}}}".encode(), 418, Content_Type="Jane Doe <b>"))
    with pytest.raises(RefusedRequestError) as caught:
        list(new_client(server).fetch(CLIENTS))
    assert caught.value.keys == tuple(f"key{each}" for each in range(10))
    assert caught.value.content_type == ""


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        (b"<!DOCTYPE html><p>Jane</p>", "is not a JSON array but HTML or XML"),
        (b'{"error": "x", "message": "Jane"}', "is not a JSON array but an object with the keys error, message"),
        (b'"Jane"', "is not a JSON array but a string"),
        (b"null", "is not a JSON array but null"),
        (b"12", "is not a JSON array but a number"),
        (b"Jane", "is not a JSON array but no JSON at all"),
        (b'[{"id": "a"}', "it is malformed, or ends too early"),
        (b'[{"id": "a"}] Jane', "it is malformed, or ends too early"),
        (b'[{"id": "a", "x": NaN}]', "it is malformed, or ends too early"),
        ("[]".encode("utf-16"), "its text is not UTF-8"),
    ],
)
def test_a_200_that_is_no_array_is_an_error_at_once_that_says_what_came(
    server: Inn8, new_client: NewClient, body: bytes, finding: str
) -> None:
    server.on("/clients", reply(body))
    with pytest.raises(ContractError, match=finding) as caught:
        list(new_client(server).fetch(CLIENTS))
    assert len(server.seen("/clients")) == 1
    assert str(caught.value).startswith("Page 1 of clients ")
    assert "Jane" not in "".join(traceback.format_exception(caught.value))


def test_a_204_is_an_empty_collection(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", b"HTTP/1.1 204 No Content\r\n\r\n")
    fetch = new_client(server).fetch(CLIENTS)
    assert [(page.body, page.records) for page in fetch] == [(b"[]", 0)]
    assert fetch.is_complete


def test_a_203_is_a_success(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(PAGE, 203))
    assert [page.body for page in new_client(server).fetch(CLIENTS)] == [PAGE]


@pytest.mark.parametrize(
    ("coding", "layers"), [("identity, gzip", 1), ("none", 0), ("gzip, gzip", 2), ("gzip, none, x-gzip ,", 2), ("", 0)]
)
def test_odd_but_clear_content_encodings_are_read(
    server: Inn8, new_client: NewClient, coding: str, layers: int
) -> None:
    body = PAGE
    for _ in range(layers):
        body = gzip.compress(body)
    server.on("/clients", reply(body, Content_Encoding=coding))
    assert [page.body for page in new_client(server).fetch(CLIENTS)] == [PAGE]


def test_a_page_of_html_is_said_to_be_no_change_of_the_api(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"<!DOCTYPE html><h1>Down for maintenance</h1>"))
    with pytest.raises(ContractError, match="usually a maintenance or login page: open INN8_BASE_URL") as caught:
        list(new_client(server).fetch(CLIENTS))
    assert "entities" not in str(caught.value)


@pytest.mark.parametrize("status", [201, 202, 206, 304])
def test_any_other_status_is_an_error_at_once(server: Inn8, new_client: NewClient, status: int) -> None:
    server.on("/clients", f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
    with pytest.raises(ContractError, match=f"has the status {status}, where 200 was expected"):
        list(new_client(server).fetch(CLIENTS))
    assert len(server.seen("/clients")) == 1


def test_stamina_does_not_report_our_retries(
    server: Inn8, new_client: NewClient, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    server.on("/clients", reply(b"", 500), reply())
    client = new_client(server)
    list(client.fetch(CLIENTS))
    assert capfd.readouterr() == ("", "")
    assert [each for each in caplog.records if each.name == "stamina"] == []


def test_stamina_still_reports_the_retries_of_others(server: Inn8, new_client: NewClient) -> None:
    reported: list[str] = []
    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([lambda details: reported.append(details.name)])
    try:
        server.on("/clients", reply(b"", 500), reply())
        list(new_client(server).fetch(CLIENTS))
        attempts = iter([ValueError, None])
        for attempt in stamina.retry_context(ValueError, wait_initial=0, wait_jitter=0):
            with attempt:
                _raise(next(attempts))
    finally:
        stamina.instrumentation.set_on_retry_hooks(before)
    assert reported == ["<context block>"]


def _raise(error: type[Exception] | None) -> None:
    if error is not None:
        raise error


def test_a_wait_ends_when_the_client_is_closed(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        if seen.query.get("page") == "2":
            return reply(b"", 500)
        if seen.query.get("page") == "3":
            time.sleep(0.1)
            return reply(b"{}", 400)
        return reply(records("a"), Link='<?page=2>; rel="next", <?page=3>; rel="last"')

    server.on("/clients", answer)
    started = time.monotonic()
    with pytest.raises(RefusedRequestError):
        list(new_client(server, retry=RetryPolicy((30.0,))).fetch(CLIENTS))
    assert time.monotonic() - started < 5


def test_notices_come_one_at_a_time(server: Inn8, new_client: NewClient) -> None:
    busy: list[bool] = []
    overlaps: list[bool] = []

    def on_notice(_: RetryNotice) -> None:
        overlaps.append(bool(busy))
        busy.append(True)
        time.sleep(0.05)
        busy.pop()

    first_time: set[str] = set()

    def answer(seen: Seen) -> bytes:
        number = seen.query.get("page", "1")
        link = {"Link": f'<?page={int(number) + 1}>; rel="next", <?page=4>; rel="last"'} if number != "4" else None
        if number in first_time or number == "1":
            return reply(records(number), headers=link)
        first_time.add(number)
        return reply(b"", 500)

    server.on("/clients", answer)
    fetch = new_client(server, on_notice=on_notice).fetch(CLIENTS)
    list(fetch)
    assert overlaps == [False, False, False]
    assert fetch.retries == 3
