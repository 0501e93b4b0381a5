"""A client with a contract against a server of each style of paging: nothing lost, nothing twice."""

import json
from collections.abc import Callable
from datetime import date

import pytest

from inn8_pipeline.contract import DEFAULT
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS, Window
from inn8_pipeline.errors import ContractError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline_tests.extract.conftest import NewClient, circuits, new_client, server
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply

__all__ = ["circuits", "new_client", "server"]
IDS = [f"C-{number:03}" for number in range(95)]
SIZE = 10


def of_page(seen: Seen, ids: list[str]) -> bytes:
    first = (int(seen.query["page"]) - 1) * SIZE
    return records(*ids[first : first + SIZE])


def by_page(seen: Seen) -> bytes:
    return reply(of_page(seen, IDS))


def by_page_with_total(seen: Seen) -> bytes:
    return reply(of_page(seen, IDS), X_Total_Count=str(len(IDS)))


def by_page_counted(seen: Seen) -> bytes:
    return reply(of_page(seen, IDS), X_Total_Count=str(-(-len(IDS) // SIZE)))


def by_page_until_404(seen: Seen) -> bytes:
    body = of_page(seen, IDS)
    return reply(body) if body != b"[]" else reply(b"{}", 404)


def by_offset(seen: Seen) -> bytes:
    first = int(seen.query["skip"])
    items = [{"id": each} for each in IDS[first : first + 7]]  # fewer than were asked for
    return reply(json.dumps({"meta": {"total": len(IDS)}, "data": items}).encode())


def by_cursor(seen: Seen) -> bytes:
    first = int(seen.query.get("cursor", "c0")[1:])
    following = f"c{first + SIZE}" if first + SIZE < len(IDS) else None
    items = [{"id": each} for each in IDS[first : first + SIZE]]
    return reply(json.dumps({"next": following, "items": items}).encode())


def by_next_url(seen: Seen) -> bytes:
    first = int(seen.query.get("from", "0"))
    more = {"links": {"next": f"/clients?from={first + SIZE}"}} if first + SIZE < len(IDS) else {}
    return reply(json.dumps({"items": [{"id": each} for each in IDS[first : first + SIZE]]} | more).encode())


def read_all(client: Inn8Client) -> None:
    for fetch in client.fetches(CLIENTS):
        list(fetch)


def single(_: Seen) -> bytes:
    return reply(json.dumps({"Result": {"Items": [{"id": each} for each in IDS]}}).encode())


DIALECTS: dict[str, tuple[Callable[[Seen], bytes], str]] = {
    "page": (by_page, "[paging]\nstyle = 'page'"),
    "page, total": (by_page_with_total, "[paging]\nstyle = 'page'"),
    "page, pages": (by_page_counted, "total = { unit = 'pages' }\n[paging]\nstyle = 'page'"),
    "page, 404": (by_page_until_404, "[paging]\nstyle = 'page'"),
    "offset": (
        by_offset,
        "total = { pointer = '/meta/total' }\nrecords = '/data'\n[paging]\nstyle = 'offset'\nparameter = 'skip'",
    ),
    "offset, no total": (
        by_offset,
        "records = '/data'\ntotal = { unit = 'none' }\npaging = { style = 'offset', parameter = 'skip' }",
    ),
    "cursor": (by_cursor, "records = '/items'\n[paging]\nstyle = 'cursor'"),
    "next_url": (by_next_url, "records = '/items'\n[paging]\nstyle = 'next_url'\nnext = '/links/next'"),
    "single": (single, "records = '/result/items'\n[paging]\nstyle = 'single'"),
}


@pytest.mark.parametrize("pages_at_a_time", [1, 8])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_brings_each_record_once_and_in_order(
    server: Inn8, new_client: NewClient, dialect: str, pages_at_a_time: int
) -> None:
    answer, text = DIALECTS[dialect]
    server.on("/clients", answer)
    client = new_client(server, contract=parse(text, ENTITIES), page_size=SIZE, pages_at_a_time=pages_at_a_time)
    fetch = client.fetch(CLIENTS)
    found = [record["id"] for page in fetch for record in json.loads(page.body)]
    assert fetch.is_complete, fetch.finding
    assert found == IDS


@pytest.mark.parametrize("dialect", ["page, total", "offset"])
def test_pages_are_fetched_at_the_same_time_once_the_total_is_known(
    server: Inn8, new_client: NewClient, dialect: str
) -> None:
    answer, text = DIALECTS[dialect]
    server.on("/clients", answer)
    client = new_client(server, contract=parse(text, ENTITIES), page_size=SIZE)
    list(client.fetch(CLIENTS))
    size = 7 if dialect == "offset" else SIZE
    assert len(server.seen("/clients")) == -(-len(IDS) // size)


@pytest.mark.parametrize("pages_at_a_time", [1, 8])
@pytest.mark.parametrize("style", ["page", "offset"])
def test_a_total_that_is_too_small_by_whole_pages_is_noticed(
    server: Inn8, new_client: NewClient, style: str, pages_at_a_time: int
) -> None:
    def answer(seen: Seen) -> bytes:
        first = int(seen.query["offset"]) if style == "offset" else (int(seen.query["page"]) - 1) * SIZE
        return reply(records(*IDS[first : first + SIZE]), X_Total_Count="80")

    server.on("/clients", answer)
    contract = parse(f"[paging]\nstyle = '{style}'", ENTITIES)
    client = new_client(server, contract=contract, page_size=SIZE, pages_at_a_time=pages_at_a_time)
    with pytest.raises(ContractError, match="X-Total-Count was 80, and 90 records came"):
        read_all(client)


def test_a_short_page_within_a_range_of_offsets_is_no_complete_fetch_though_the_counts_are_equal(
    server: Inn8, new_client: NewClient
) -> None:
    def answer(seen: Seen) -> bytes:
        first = int(seen.query["skip"])
        items = [{"id": each} for each in IDS[first : first + (SIZE - 1 if first == SIZE else SIZE)]]
        return reply(json.dumps({"meta": {"total": len(IDS)}, "data": items}).encode())

    server.on("/clients", answer)
    contract = parse(DIALECTS["offset"][1], ENTITIES)
    client = new_client(server, contract=contract, page_size=SIZE, pages_at_a_time=8)
    with pytest.raises(ContractError, match="has 9 records, though the one before it had 10"):
        [list(fetch) for fetch in client.fetches(CLIENTS)]


def test_a_record_that_is_deleted_while_pages_are_fetched_is_noticed_by_the_total(
    server: Inn8, new_client: NewClient
) -> None:
    ids = list(IDS)

    def answer(seen: Seen) -> bytes:
        if seen.query["page"] == "3" and len(ids) == len(IDS):
            del ids[0]
        return reply(of_page(seen, ids), X_Total_Count=str(len(ids)))

    server.on("/clients", answer)
    contract = parse("[paging]\nstyle = 'page'", ENTITIES)
    fetches = []
    found: list[str] = []
    for fetch in new_client(server, contract=contract, page_size=SIZE, pages_at_a_time=1).fetches(CLIENTS):
        found = [record["id"] for page in fetch for record in json.loads(page.body)]
        fetches.append(fetch)
    assert [fetch.is_complete for fetch in fetches] == [False, True]
    assert found == IDS[1:]


def test_a_server_that_ignores_the_page_number_ends_in_an_error(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records(*IDS)))
    client = new_client(server, contract=parse("[paging]\nstyle = 'page'", ENTITIES))
    with pytest.raises(ContractError, match="page 2 has the same records as page 1"):
        read_all(client)


def test_more_pages_than_were_announced_are_a_contradiction(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", lambda seen: reply(of_page(seen, IDS), X_Total_Count="3"))
    text = "total = { unit = 'pages' }\n[paging]\nstyle = 'page'"
    fetch = new_client(server, contract=parse(text, ENTITIES), page_size=SIZE).fetch(CLIENTS)
    list(fetch)
    assert fetch.finding == "page 4 has records, though 3 pages were announced"


@pytest.mark.parametrize("style", ["cursor", "next_url"])
def test_a_page_that_names_itself_as_the_next_one_is_a_loop(server: Inn8, new_client: NewClient, style: str) -> None:
    server.on("/clients", reply(b'{"items": [], "next": "/clients?pageSize=1000&at=7"}'))
    text = f"records = '/items'\n[paging]\nstyle = '{style}'"
    with pytest.raises(ContractError, match="fetched before"):
        list(new_client(server, contract=parse(text, ENTITIES)).fetch(CLIENTS))


def test_a_next_url_of_another_origin_is_refused(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'{"items": [], "next": "https://elsewhere.example/clients"}'))
    text = "records = '/items'\n[paging]\nstyle = 'next_url'"
    with pytest.raises(ContractError, match=r"links to the host elsewhere\.example"):
        list(new_client(server, contract=parse(text, ENTITIES)).fetch(CLIENTS))


def test_exclusive_ends_of_a_window_are_asked_for_one_day_wider(server: Inn8, new_client: NewClient) -> None:
    text = (
        "[request]\nheaders = { X-Version = '2' }\nparameters = { expand = 'all' }\n"
        "[collections.transactions]\npath = '/v2/trades'\n"
        "[collections.transactions.window]\nfrom_parameter = 'from'\nto_parameter = 'until'\nto_inclusive = false"
    )
    server.on("/v2/trades", reply())
    window = Window(date(2026, 10, 1), date(2026, 10, 31))
    list(new_client(server, contract=parse(text, ENTITIES)).fetch(TRANSACTIONS, window))
    (seen,) = server.seen("/v2/trades")
    assert seen.query == {"expand": "all", "pageSize": "1000", "from": "2026-10-01", "until": "2026-11-01"}
    assert seen.headers["x-version"] == "2"


def test_credentials_are_sent_as_http_basic_to_the_path_of_the_contract(server: Inn8, new_client: NewClient) -> None:
    server.on("/v2/token", server.scripts["/oauth/token"][0])
    server.on("/clients", reply())
    contract = parse("[token]\npath = '/v2/token'\ncredentials = 'basic'", ENTITIES)
    list(new_client(server, contract=contract, client_secret="a b").fetch(CLIENTS))
    (seen,) = server.seen("/v2/token")
    assert seen.headers["authorization"] == "Basic b3VyLWlkOmErYg=="
    assert set(seen.form) == {"grant_type", "scope"}


# With the built-in contract, a server that differs ends in an error or a warning.


def test_an_envelope_that_no_contract_names_is_an_error_that_shows_its_keys(
    server: Inn8, new_client: NewClient
) -> None:
    server.on("/clients", reply(b'{"data": []}'))
    with pytest.raises(ContractError, match=r"with the keys data.*INN8_CONTRACT_FILE"):
        list(new_client(server).fetch(CLIENTS))


def test_page_numbers_that_no_contract_names_are_a_warning(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records(*IDS[:SIZE])))
    notices: list[str] = []
    list(new_client(server, page_size=SIZE, on_notice=lambda each: notices.append(str(each))).fetch(CLIENTS))
    assert len(notices) == 1
    assert "names no next page, and looks like a full page" in notices[0]


def test_a_total_that_counts_pages_is_an_error_that_names_the_contract(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records(*IDS), X_Total_Count="10"))
    with pytest.raises(ContractError, match=r"X-Total-Count was 10, and 95 records came.*docs/contract\.md"):
        read_all(new_client(server))


def test_records_that_are_not_where_the_contract_says_are_an_error(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b'{"items": []}'))
    with pytest.raises(ContractError, match="has nothing at /data"):
        list(new_client(server, contract=parse("records = '/data'", ENTITIES)).fetch(CLIENTS))


def test_the_built_in_contract_is_that_of_an_empty_file() -> None:
    assert DEFAULT.of(CLIENTS) == parse("", ENTITIES).of(CLIENTS)
