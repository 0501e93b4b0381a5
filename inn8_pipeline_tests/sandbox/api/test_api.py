"""Tokens, pages, windows and links, tested over a real socket."""

import gzip
import threading
import time
from collections.abc import Sequence
from datetime import date

import httpx
import pytest

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.json_text import parse
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection, World
from inn8_pipeline_tests.sandbox.conftest import page_sizes, token


def test_a_token_is_issued_for_valid_credentials(server: SandboxServer) -> None:
    with httpx.Client(base_url=server.base_url) as client:
        response = token(client, server)
    assert response.status_code == 200
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    assert response.json()["expires_in"] == 3600
    assert server.tokens.issued == 1


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"client_secret": "süß"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "api.admin"}, 400, "invalid_scope"),
    ],
)
def test_an_invalid_token_request_gets_an_oauth_error(
    server: SandboxServer, changed: dict[str, str], status: int, error: str
) -> None:
    with httpx.Client(base_url=server.base_url) as client:
        response = token(client, server, **changed)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert server.tokens.issued == 0


def test_a_token_request_in_json_is_refused(server: SandboxServer) -> None:
    response = httpx.post(f"{server.base_url}/oauth/token", json={"grant_type": "client_credentials"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_request_without_a_valid_token_gets_401(server: SandboxServer, collection: Collection) -> None:
    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic x"}):
        response = httpx.get(f"{server.base_url}/{collection}", headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_expires_after_expires_in_seconds(server: SandboxServer) -> None:
    server.tokens.expires_in = 60
    with httpx.Client(base_url=server.base_url) as client:
        client.headers["Authorization"] = f"Bearer {token(client, server).json()['access_token']}"
        assert client.get("/clients").status_code == 200
        live = server.tokens._live  # noqa: SLF001 (only so do the tokens expire without a wait)
        (expires_at,) = live.values()
        assert 0 < expires_at - time.monotonic() <= 60
        live.update(dict.fromkeys(live, time.monotonic()))
        assert client.get("/clients").status_code == 401


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_api_serves_the_records_of_the_world(api: httpx.Client, world: World, collection: Collection) -> None:
    response = api.get(f"/{collection}")
    assert parse(response.content) == world.records(collection)
    assert response.headers["X-Total-Count"] == str(world.count(collection))


def test_pages_are_linked_from_the_first_to_the_last(api: httpx.Client) -> None:
    assert page_sizes(api, "/clients?pageSize=10") == [10, 10, 5]
    first = api.get("/clients?pageSize=10")
    assert first.links.keys() == {"first", "next", "last"}
    last = api.get(first.links["last"]["url"])
    assert last.links.keys() == {"first", "prev", "last"}
    assert api.get(last.links["prev"]["url"]).json()[0]["id"] == "CL-000011"
    assert {response.headers["X-Total-Count"] for response in (first, last)} == {"25"}


def test_links_keep_the_other_parameters(api: httpx.Client) -> None:
    link = api.get("/transactions?pageSize=5&fromDate=2026-10-28&toDate=2026-10-29&x=a%26b").links["next"]["url"]
    query = {"pageSize": "5", "fromDate": "2026-10-28", "toDate": "2026-10-29", "x": "a&b", "page": "2"}
    assert dict(httpx.URL(link).params) == query


def test_a_page_size_above_the_maximum_is_reduced_to_it(api: httpx.Client, server: SandboxServer) -> None:
    server.options.max_page_size = 7
    assert page_sizes(api, "/clients?pageSize=1000") == [7, 7, 7, 4]


def test_a_page_after_the_last_one_is_empty(api: httpx.Client) -> None:
    response = api.get("/clients?pageSize=10&page=9")
    assert response.json() == []
    assert "next" not in response.links


def test_an_empty_collection_is_an_empty_array(api: httpx.Client) -> None:
    response = api.get("/transactions?fromDate=2020-01-01&toDate=2020-01-31")
    assert (response.json(), response.headers["X-Total-Count"], "next" in response.links) == ([], "0", False)


def test_both_ends_of_a_served_window_are_inclusive(api: httpx.Client, world: World) -> None:
    served = parse(api.get("/transactions?fromDate=2026-10-28&toDate=2026-10-29").content)
    assert served == world.records("transactions", date(2026, 10, 28), date(2026, 10, 29))
    assert {record["tradeDate"] for record in served} == {"2026-10-28", "2026-10-29"}


@pytest.mark.parametrize("query", ["pageSize=0", "page=x", "page=-1", "fromDate=yesterday", "toDate=2026-02-30"])
def test_an_invalid_query_gets_400(api: httpx.Client, query: str) -> None:
    assert api.get(f"/transactions?{query}").status_code == 400


def test_bodies_are_compressed_for_clients_that_accept_it(api: httpx.Client, server: SandboxServer) -> None:
    with api.stream("GET", "/clients", headers={"Accept-Encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    plain = api.get("/clients", headers={"Accept-Encoding": "identity"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    server.options.gzip_level = 0
    assert "Content-Encoding" not in api.get("/clients").headers


def test_a_change_of_the_world_shows_in_the_next_response(api: httpx.Client, world: World) -> None:
    api.get("/clients")
    world.corrupt("clients", "CL-000001", fullName="Changed Name")
    assert api.get("/clients").json()[0]["fullName"] == "Changed Name"
    world.remove("clients", "CL-000001")
    assert api.get("/clients").json()[0]["id"] == "CL-000002"


def test_server_options_turn_off_paging_and_windows_and_change_names(
    api: httpx.Client, server: SandboxServer, world: World
) -> None:
    server.options.pascal, server.options.paging, server.options.windows = True, False, False
    response = api.get("/transactions?pageSize=10&fromDate=2026-10-28&toDate=2026-10-28")
    assert len(response.json()) == world.count("transactions")
    assert {"link", "x-total-count"}.isdisjoint(response.headers)
    assert {"Id", "PortfolioId", "TradeDate"} <= response.json()[0].keys()
    assert {"Isin", "Symbol"} <= next(record["Security"] for record in response.json() if record["Security"]).keys()


def test_the_last_link_can_be_turned_off(api: httpx.Client, server: SandboxServer) -> None:
    server.options.last_link = False
    assert api.get("/clients?pageSize=10").links.keys() == {"first", "next"}
    assert page_sizes(api, "/clients?pageSize=10") == [10, 10, 5]


def test_other_paths_and_methods_are_refused(api: httpx.Client) -> None:
    assert api.get("/advisers").status_code == 404
    assert api.get("/oauth/token").status_code == 405
    assert api.post("/clients").status_code == 405


def test_the_stats_count_requests_and_keep_the_user_agent(api: httpx.Client, server: SandboxServer) -> None:
    api.get("/clients?pageSize=3", headers={"User-Agent": "reader/1"})
    api.get("/portfolios", headers={"User-Agent": "reader/2"})
    stats = api.get("/_sandbox/stats").json()
    assert stats["requests"] == {"/oauth/token": 1, "/clients": 1, "/portfolios": 1}
    assert (stats["tokens_issued"], stats["user_agent"], stats["statuses"]) == (1, "reader/2", {"200": 3})
    assert [request.query for request in server.stats.recent] == ["", "pageSize=3", ""]
    assert server.client_secret not in str(stats)


def test_the_hook_is_called_before_each_response(api: httpx.Client, server: SandboxServer, world: World) -> None:
    def remove_one(_path: str, query: str) -> None:
        if "page=2" in query:
            world.remove("clients", "CL-000001")

    server.app.on_request = remove_one
    assert page_sizes(api, "/clients?pageSize=10") == [10, 10, 4]
    assert api.get("/clients?pageSize=10").headers["X-Total-Count"] == "24"


def test_a_stopped_server_leaves_no_thread_and_no_open_port(world: World) -> None:
    with SandboxServer(world) as server:
        address = server.base_url
        assert "inn8-sandbox" in {thread.name for thread in threading.enumerate()}
        assert address.startswith("http://127.0.0.1:")
    assert "inn8-sandbox" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_the_secret_is_not_in_a_repr(server: SandboxServer) -> None:
    assert server.client_secret not in f"{server!r} {server.tokens!r}"


class CountingWorld(World):
    """A world that counts how often a page is made from its records."""

    bodies = 0

    def body(self, collection: Collection, days: Sequence[date], start: int, stop: int) -> bytes:
        self.bodies += 1
        return super().body(collection, days, start, stop)


def test_pages_that_were_rendered_before_the_first_request_are_not_rendered_again() -> None:
    world = CountingWorld(clients=10, portfolios=10, transactions=5_000, days=5, last_date=date(2026, 10, 30))
    with world, SandboxServer(world) as server, httpx.Client(base_url=server.base_url) as client:
        server.warm()
        rendered = world.bodies
        client.headers["Authorization"] = f"Bearer {token(client, server).json()['access_token']}"
        pages = -(-world.count("transactions") // 1000)
        sizes = [len(client.get(f"/transactions?page={page}").json()) for page in range(1, pages + 1)]
        assert sum(sizes) == world.count("transactions")
        assert rendered == world.bodies > pages > 1
