"""Token, pages, windows and links, as a reader meets them over a real socket."""

import gzip
import threading
import time
from datetime import date

import httpx
import pytest

from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sandbox.world.text import parse
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection, World
from inn8_pipeline_tests.sandbox.conftest import page_sizes, token


def test_a_token_is_granted_for_the_right_form(server: SandboxServer) -> None:
    with httpx.Client(base_url=server.base_url) as client:
        answer = token(client, server)
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert answer.json()["expires_in"] == 3600
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
def test_a_wrong_form_gets_an_oauth_error(
    server: SandboxServer, changed: dict[str, str], status: int, error: str
) -> None:
    with httpx.Client(base_url=server.base_url) as client:
        answer = token(client, server, **changed)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert server.tokens.issued == 0


def test_a_token_request_in_json_is_refused(server: SandboxServer) -> None:
    answer = httpx.post(f"{server.base_url}/oauth/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_without_a_live_token_there_is_no_answer(server: SandboxServer, collection: Collection) -> None:
    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic x"}):
        answer = httpx.get(f"{server.base_url}/{collection}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_expires_when_it_said_that_it_would(server: SandboxServer) -> None:
    server.tokens.expires_in = 0.3
    with httpx.Client(base_url=server.base_url) as client:
        client.headers["Authorization"] = f"Bearer {token(client, server).json()['access_token']}"
        assert client.get("/clients").status_code == 200
        time.sleep(0.31)
        assert client.get("/clients").status_code == 401


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_what_is_served_is_what_the_world_says(api: httpx.Client, world: World, collection: Collection) -> None:
    answer = api.get(f"/{collection}")
    assert parse(answer.content) == world.records(collection)
    assert answer.headers["X-Total-Count"] == str(world.count(collection))


def test_pages_are_linked_from_the_first_to_the_last(api: httpx.Client) -> None:
    assert page_sizes(api, "/clients?pageSize=10") == [10, 10, 5]
    first = api.get("/clients?pageSize=10")
    assert first.links.keys() == {"first", "next", "last"}
    last = api.get(first.links["last"]["url"])
    assert last.links.keys() == {"first", "prev", "last"}
    assert api.get(last.links["prev"]["url"]).json()[0]["id"] == "CL-000011"
    assert {answer.headers["X-Total-Count"] for answer in (first, last)} == {"25"}


def test_links_keep_the_other_parameters(api: httpx.Client) -> None:
    link = api.get("/transactions?pageSize=5&fromDate=2026-10-28&toDate=2026-10-29&x=a%26b").links["next"]["url"]
    query = {"pageSize": "5", "fromDate": "2026-10-28", "toDate": "2026-10-29", "x": "a&b", "page": "2"}
    assert dict(httpx.URL(link).params) == query


def test_a_page_size_beyond_the_largest_is_cut_to_it(api: httpx.Client, server: SandboxServer) -> None:
    server.habits.max_page_size = 7
    assert page_sizes(api, "/clients?pageSize=1000") == [7, 7, 7, 4]


def test_a_page_beyond_the_last_is_empty(api: httpx.Client) -> None:
    answer = api.get("/clients?pageSize=10&page=9")
    assert answer.json() == []
    assert "next" not in answer.links


def test_an_empty_collection_is_an_empty_array(api: httpx.Client) -> None:
    answer = api.get("/transactions?fromDate=2020-01-01&toDate=2020-01-31")
    assert (answer.json(), answer.headers["X-Total-Count"], "next" in answer.links) == ([], "0", False)


def test_a_window_is_served_with_both_its_ends(api: httpx.Client, world: World) -> None:
    served = parse(api.get("/transactions?fromDate=2026-10-28&toDate=2026-10-29").content)
    assert served == world.records("transactions", date(2026, 10, 28), date(2026, 10, 29))
    assert {record["tradeDate"] for record in served} == {"2026-10-28", "2026-10-29"}


@pytest.mark.parametrize("query", ["pageSize=0", "page=x", "page=-1", "fromDate=yesterday", "toDate=2026-02-30"])
def test_a_query_that_cannot_be_read_gets_400(api: httpx.Client, query: str) -> None:
    assert api.get(f"/transactions?{query}").status_code == 400


def test_bodies_are_compressed_for_those_who_accept_it(api: httpx.Client, server: SandboxServer) -> None:
    with api.stream("GET", "/clients", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    plain = api.get("/clients", headers={"Accept-Encoding": "identity"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    server.habits.gzip_level = 0
    assert "Content-Encoding" not in api.get("/clients").headers


def test_a_change_of_the_world_shows_in_the_next_answer(api: httpx.Client, world: World) -> None:
    api.get("/clients")
    world.corrupt("clients", "CL-000001", fullName="Changed Name")
    assert api.get("/clients").json()[0]["fullName"] == "Changed Name"
    world.remove("clients", "CL-000001")
    assert api.get("/clients").json()[0]["id"] == "CL-000002"


def test_a_server_can_have_other_habits(api: httpx.Client, server: SandboxServer, world: World) -> None:
    server.habits.pascal, server.habits.paging, server.habits.windows = True, False, False
    answer = api.get("/transactions?pageSize=10&fromDate=2026-10-28&toDate=2026-10-28")
    assert len(answer.json()) == world.count("transactions")
    assert {"link", "x-total-count"}.isdisjoint(answer.headers)
    assert {"Id", "PortfolioId", "TradeDate"} <= answer.json()[0].keys()
    assert {"Isin", "Symbol"} <= next(record["Security"] for record in answer.json() if record["Security"]).keys()


def test_last_can_be_left_out(api: httpx.Client, server: SandboxServer) -> None:
    server.habits.last_link = False
    assert api.get("/clients?pageSize=10").links.keys() == {"first", "next"}
    assert page_sizes(api, "/clients?pageSize=10") == [10, 10, 5]


def test_other_paths_and_methods_are_refused(api: httpx.Client) -> None:
    assert api.get("/advisers").status_code == 404
    assert api.get("/oauth/token").status_code == 405
    assert api.post("/clients").status_code == 405


def test_the_stats_count_requests_and_keep_the_user_agent(api: httpx.Client, server: SandboxServer) -> None:
    api.get("/clients?pageSize=3", headers={"User-Agent": "reader/1"})
    api.get("/portfolios", headers={"User-Agent": "reader/2"})
    told = api.get("/_sandbox/stats").json()
    assert told["requests"] == {"/oauth/token": 1, "/clients": 1, "/portfolios": 1}
    assert (told["tokens_issued"], told["user_agent"], told["statuses"]) == (1, "reader/2", {"200": 3})
    assert [seen.query for seen in server.stats.seen] == ["", "pageSize=3", ""]
    assert server.client_secret not in str(told)


def test_a_hook_sees_each_request_before_it_is_answered(api: httpx.Client, server: SandboxServer, world: World) -> None:
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


def test_cached_pages_are_served_quickly() -> None:
    large = World(clients=10, portfolios=10, transactions=50_000, days=5, last_date=date(2026, 10, 30))
    with large, SandboxServer(large) as server, httpx.Client(base_url=server.base_url) as client:
        server.warm()
        client.headers["Authorization"] = f"Bearer {token(client, server).json()['access_token']}"
        started_at = time.perf_counter()
        count = -(-large.count("transactions") // 1000)
        for page in range(1, count + 1):
            with client.stream("GET", f"/transactions?page={page}") as answer:
                for _ in answer.iter_raw():
                    pass
        # 50 pages took 0.04 s; ten times as much is left for a busy machine.
        assert time.perf_counter() - started_at < 0.5
