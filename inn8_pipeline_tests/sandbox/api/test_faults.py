"""Each fault happens on a real socket, exactly as often as requested."""

import socket
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.errors import UnknownNameError
from inn8_pipeline.sandbox.world.world import World
from inn8_pipeline_tests.sandbox.conftest import page_sizes, token


def test_a_status_is_returned_as_often_as_requested(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("status", "clients", times=2, status=500)
    statuses = [api.get(f"/{path}").status_code for path in ("portfolios", "clients", "clients", "clients")]
    assert statuses == [200, 500, 500, 200]
    assert server.faults.pending() == []


def test_a_fault_without_a_number_of_times_lasts_until_it_is_cleared(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("status", times=None)
    assert {api.get(f"/{path}").status_code for path in ("clients", "portfolios", "transactions", "clients")} == {503}
    server.faults.clear()
    assert api.get("/clients").status_code == 200


def test_two_statuses_are_returned_in_their_order(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("status", "clients", status=500)
    server.faults.add("status", "clients", status=502)
    assert [api.get("/clients").status_code for _ in range(3)] == [500, 502, 200]


def test_a_fault_can_apply_to_a_later_request_or_to_one_page(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("status", "clients", skip=2)
    assert [api.get("/clients").status_code for _ in range(4)] == [200, 200, 503, 200]
    server.faults.add("status", "clients", page=2)
    assert [api.get(f"/clients?pageSize=9&page={page}").status_code for page in (1, 2, 2)] == [200, 503, 200]


@pytest.mark.parametrize("wait", [7, format_datetime(datetime(2026, 11, 1, tzinfo=UTC), usegmt=True)])
def test_429_has_retry_after_in_seconds_or_as_a_date(api: httpx.Client, server: SandboxServer, wait: str | int) -> None:
    server.faults.add("status", "clients", status=429, retry_after=wait)
    response = api.get("/clients")
    assert (response.status_code, response.headers["Retry-After"]) == (429, str(wait))


def test_revoked_tokens_are_refused_and_a_new_one_is_accepted(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("revoke", "clients")
    assert api.get("/clients").status_code == 401
    api.headers["Authorization"] = f"Bearer {token(api, server).json()['access_token']}"
    assert api.get("/clients").status_code == 200


@pytest.mark.parametrize("kind", ["cut_length", "cut_chunked"])
def test_a_cut_body_ends_in_the_middle(api: httpx.Client, server: SandboxServer, kind: str) -> None:
    server.faults.add(kind, "clients")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/clients")
    assert api.get("/clients").status_code == 200


@pytest.mark.parametrize(("kind", "header"), [("cut_length", b"content-length: "), ("cut_chunked", b"chunked")])
def test_a_cut_body_is_cut_on_the_socket(server: SandboxServer, api: httpx.Client, kind: str, header: bytes) -> None:
    server.options.gzip_level = 0
    whole = api.get("/clients").content
    server.faults.add(kind, "clients")
    with socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])), timeout=10) as raw:
        bearer = api.headers["Authorization"]
        raw.sendall(f"GET /clients HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n".encode())
        received = b"".join(iter(lambda: raw.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert header in head.lower()
    assert whole[: len(whole) // 2] in body
    assert whole not in body
    assert not body.endswith(b"0\r\n\r\n")


def test_a_dropped_connection_sends_no_response(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("drop", "clients")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.get("/clients")


def test_a_delayed_response_is_delayed(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("delay", "clients", seconds=0.3)
    started_at = time.monotonic()
    assert api.get("/clients").status_code == 200
    assert time.monotonic() - started_at >= 0.3
    server.faults.add("delay", "clients", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        api.get("/clients", timeout=0.1)


def test_a_trickled_body_never_triggers_the_read_timeout(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("trickle", "clients", seconds=0.2)
    started_at = time.monotonic()
    with api.stream("GET", "/clients", timeout=1.0) as response:
        parts = [part for _, part in zip(range(10), response.iter_raw(), strict=False)]
    assert {len(part) for part in parts} == {1}
    assert time.monotonic() - started_at > 1.0


def test_html_an_object_and_a_given_text_are_sent_with_status_200(api: httpx.Client, server: SandboxServer) -> None:
    for kind in ("html", "object", "body"):
        server.faults.add(kind, "clients", text="[1, 2")
    html, thing, text = (api.get("/clients") for _ in range(3))
    assert {html.status_code, thing.status_code, text.status_code} == {200}
    assert html.headers["Content-Type"].startswith("text/html")
    assert thing.json().keys() == {"error", "message"}
    assert text.text == "[1, 2"


def test_a_redirect_points_to_its_location(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("redirect", "clients", location="http://elsewhere.example/")
    response = api.get("/clients")
    assert (response.status_code, response.headers["Location"]) == (302, "http://elsewhere.example/")


def test_names_paging_and_windows_can_differ_for_one_response(
    api: httpx.Client, server: SandboxServer, world: World
) -> None:
    for kind in ("pascal", "no_paging", "no_windows"):
        server.faults.add(kind, "transactions")
    response = api.get("/transactions?pageSize=2&fromDate=2026-10-28&toDate=2026-10-28")
    assert len(response.json()) == world.count("transactions")
    assert "TradeDate" in response.json()[0]
    assert "Link" not in response.headers
    assert "tradeDate" in api.get("/transactions?pageSize=2").json()[0]


def test_links_and_totals_can_be_wrong(api: httpx.Client, server: SandboxServer) -> None:
    server.faults.add("wrong_total", "clients")
    server.faults.add("no_last", "clients")
    response = api.get("/clients?pageSize=10")
    assert (response.headers["X-Total-Count"], "last" in response.links) == ("26", False)
    server.faults.add("no_total", "clients")
    server.faults.add("foreign_next", "clients", location="http://elsewhere.example/clients?page=2")
    response = api.get("/clients?pageSize=10")
    assert response.links["next"]["url"] == "http://elsewhere.example/clients?page=2"
    assert "X-Total-Count" not in response.headers
    server.faults.add("loop_next", "clients")
    response = api.get("/clients?pageSize=10&page=2")
    assert response.links["next"]["url"] == str(response.url)


def test_the_token_endpoint_can_fail_too(server: SandboxServer) -> None:
    server.faults.add("status", "token", status=500)
    server.faults.add("body", "token", text='{"token_type":"Bearer"}')
    with httpx.Client(base_url=server.base_url) as client:
        assert [token(client, server).status_code for _ in range(2)] == [500, 200]
        assert "access_token" in token(client, server).json()


def test_faults_can_be_set_and_cleared_over_http(api: httpx.Client) -> None:
    wanted = [
        {"kind": "status", "collection": "clients", "status": 429, "retry_after": 3, "times": None},
        {"kind": "delay"},
    ]
    assert api.post("/_sandbox/faults", json=wanted).status_code == 200
    assert [fault["kind"] for fault in api.get("/_sandbox/faults").json()] == ["status", "delay"]
    assert api.get("/clients").status_code == 429
    assert api.delete("/_sandbox/faults").status_code == 200
    assert page_sizes(api, "/clients") == [25]


@pytest.mark.parametrize(
    "wrong",
    [
        b"no json",
        b"{}",
        b'{"kind":"nonsense"}',
        b'{"kind":"delay","collection":"x"}',
        b'{"kind":"delay","unknown":1}',
    ],
)
def test_an_unknown_fault_is_refused_over_http(api: httpx.Client, server: SandboxServer, wrong: bytes) -> None:
    assert api.post("/_sandbox/faults", content=wrong).status_code == 400
    assert server.faults.pending() == []


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="cut_length"):
        SandboxServer(World(clients=1, portfolios=1, transactions=1, days=1)).faults.add("nonsense")


def test_a_fraction_of_the_world_can_be_changed_over_http(api: httpx.Client, world: World) -> None:
    before = world.records("portfolios")
    result = api.post("/_sandbox/change", json={"collection": "portfolios", "fraction": 0.5, "salt": "s"}).json()
    changed = [now for then, now in zip(before, world.records("portfolios"), strict=True) if then != now]
    assert result["changed"] == len(changed) > 5


def test_new_transactions_can_be_inserted_before_and_after_all_others_over_http(
    api: httpx.Client, world: World
) -> None:
    before = world.records("transactions")
    for salt, at_end in (("head", False), ("tail", True)):
        content = {"collection": "transactions", "count": 2, "salt": salt, "at_end": at_end}
        assert api.post("/_sandbox/insert", json=content).json() == {"inserted": 2}
    after = world.records("transactions")
    assert after[2:-2] == before
    assert [each["id"] for each in after[:2] + after[-2:]] == ["head-0", "head-1", "tail-0", "tail-1"]
    assert after[0] | {"id": before[0]["id"]} == before[0]
