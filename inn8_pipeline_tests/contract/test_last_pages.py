"""The end of a collection in each style of paging: what is accepted as the end, and what may hide more pages."""

import json
from collections.abc import Callable

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline_tests.contract.test_dialects import IDS, SIZE, by_page, by_page_counted, by_page_with_total, of_page
from inn8_pipeline_tests.extract.conftest import NewClient, circuits, new_client, server
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply

__all__ = ["circuits", "new_client", "server"]
CURSOR = "records = '/items'\n[paging]\nstyle = 'cursor'\n"
BY_PAGE = "[paging]\nstyle = 'page'\n"
PAGES = "total = { unit = 'pages' }\n" + BY_PAGE
Fetched = Callable[..., list[str]]


@pytest.fixture
def fetched(server: Inn8, new_client: NewClient) -> Fetched:
    """Return a function that returns the ids of a fetch, which must be complete."""

    def fetch_ids(text: str, **endpoint: object) -> list[str]:
        client = new_client(server, contract=parse(text, ENTITIES), **({"page_size": SIZE} | endpoint))
        fetch = client.fetch(CLIENTS)
        found = [record["id"] for page in fetch for record in json.loads(page.body)]
        assert fetch.is_complete, fetch.finding
        return found

    return fetch_ids


def page(*ids: str, **more: object) -> bytes:
    return reply(json.dumps({"items": [{"id": each} for each in ids]} | more).encode())


# The pointer to the next page


@pytest.mark.parametrize("style", ["cursor", "next_url"])
def test_a_pointer_to_the_next_page_that_leads_nowhere_is_an_error(server: Inn8, fetched: Fetched, style: str) -> None:
    server.on("/clients", page("a", "b", nextCursor="/clients?at=2"))
    with pytest.raises(ContractError, match="has nothing at /next, where the contract says") as caught:
        fetched(f"records = '/items'\n[paging]\nstyle = '{style}'\n")
    assert "next_may_be_absent" in str(caught.value)


@pytest.mark.parametrize("end", [None, ""])
def test_null_and_an_empty_text_are_the_end(server: Inn8, fetched: Fetched, end: object) -> None:
    server.on("/clients", page("a", next=end))
    assert fetched(CURSOR) == ["a"]


def test_the_next_page_may_be_absent_after_a_page_that_named_one(server: Inn8, fetched: Fetched) -> None:
    server.on("/clients", page("a", next="c1"), page("b"))
    assert fetched(CURSOR) == ["a", "b"]


def test_the_next_page_may_be_absent_where_nothing_came(server: Inn8, fetched: Fetched) -> None:
    server.on("/clients", page())
    assert fetched(CURSOR) == []


def test_the_next_page_may_be_absent_where_the_contract_says_so(server: Inn8, fetched: Fetched) -> None:
    server.on("/clients", page("a"))
    assert fetched(CURSOR + "next_may_be_absent = true") == ["a"]


def test_the_next_page_may_be_absent_where_a_total_shows_that_all_came(server: Inn8, fetched: Fetched) -> None:
    server.on("/clients", page("a", total=1))
    assert fetched("total = { pointer = '/total' }\n" + CURSOR) == ["a"]
    with pytest.raises(ContractError, match="has nothing at /next"):
        fetched("total = { pointer = '/total' }\n" + CURSOR, is_total_exact=False)


def test_a_boolean_that_says_that_no_page_follows_is_the_end(server: Inn8, fetched: Fetched) -> None:
    server.on("/clients", page("a", more=True, next="c1"), page("b", more=False, next="c2"))
    assert fetched(CURSOR + "more = '/more'") == ["a", "b"]


@pytest.mark.parametrize("more", [{}, {"more": "no"}, {"more": None}, {"more": True}, {"more": True, "next": None}])
def test_a_boolean_that_is_none_or_names_no_page_is_an_error(server: Inn8, fetched: Fetched, more: object) -> None:
    assert isinstance(more, dict)
    server.on("/clients", page("a", **more))
    with pytest.raises(ContractError, match="cannot be read, so nobody knows whether more pages follow"):
        fetched(CURSOR + "more = '/more'")


@pytest.mark.parametrize("value", ['"\\ud800"', "1.5", "true", "[]", "{}", "1e999", '"' + "x" * 70_000 + '"'])
@pytest.mark.parametrize("style", ["cursor", "next_url"])
def test_a_next_page_that_cannot_be_read_is_an_error_of_the_response(
    server: Inn8, fetched: Fetched, style: str, value: str
) -> None:
    server.on("/clients", reply(f'{{"items": [{{"id": "a"}}], "next": {value}}}'.encode()))
    with pytest.raises(ContractError, match=r"has a /next that cannot be read|links to what is not an address"):
        fetched(f"records = '/items'\n[paging]\nstyle = '{style}'\n")


def test_a_lone_surrogate_within_an_envelope_leaves_the_records_as_they_were_sent(
    server: Inn8, new_client: NewClient
) -> None:
    array = rb'[{"id": "a", "n": "\ud800"}, {"id": "b", "n": "\\ud83d \ud83d\ude00"}]'
    server.on("/clients", reply(rb'{"items": ' + array + rb', "next": null, "note": "\udc80"}'))
    (found,) = new_client(server, contract=parse(CURSOR, ENTITIES)).fetch(CLIENTS)
    assert found.body == array


# Totals


def test_a_total_that_counts_one_page_does_not_hide_the_others(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", lambda seen: reply(of_page(seen, IDS), X_Total_Count=str(SIZE)))
    client = new_client(server, contract=parse(BY_PAGE, ENTITIES), page_size=SIZE)
    with pytest.raises(ContractError, match="X-Total-Count was 10, and 20 records came"):
        [list(fetch) for fetch in client.fetches(CLIENTS)]


def test_a_total_that_is_not_at_its_pointer_is_a_warning(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", page("a", next=None))
    notices: list[str] = []
    contract = parse("total = { pointer = '/meta/total' }\n" + CURSOR, ENTITIES)
    list(new_client(server, contract=contract, on_notice=notices.append).fetch(CLIENTS))
    assert len(notices) == 1
    assert notices[0].startswith("Page 1 of clients has no total at /meta/total, so records that INN8 leaves out")


def test_a_wrong_total_is_named_as_the_contract_names_it(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records("a"), Count="2"))
    contract = parse("total = { header = 'Count' }", ENTITIES)
    with pytest.raises(ContractError, match="in the last one, Count was 2, and 1 records came"):
        [list(fetch) for fetch in new_client(server, contract=contract).fetches(CLIENTS)]


@pytest.mark.parametrize("text", [BY_PAGE, PAGES])
def test_exactly_as_many_pages_as_the_bound_can_be_fetched(server: Inn8, fetched: Fetched, text: str) -> None:
    server.on("/clients", by_page_counted if text == PAGES else by_page)
    bound = -(-len(IDS) // SIZE)
    assert fetched(text, max_pages=bound) == IDS
    with pytest.raises(ContractError, match=r"more than 9 pages|though 9 pages were fetched"):
        fetched(text, max_pages=bound - 1)


def test_fewer_announced_pages_during_a_fetch_are_a_contradiction(server: Inn8, new_client: NewClient) -> None:
    ids = IDS[: 3 * SIZE + 1]

    def answer(seen: Seen) -> bytes:
        if seen.query["page"] == "2" and len(ids) > 3 * SIZE:
            del ids[0]
        return reply(of_page(seen, ids), X_Total_Count=str(-(-len(ids) // SIZE)))

    server.on("/clients", answer)
    client = new_client(server, contract=parse(PAGES, ENTITIES), page_size=SIZE, pages_at_a_time=1)
    fetches = [(list(fetch), fetch.finding) for fetch in client.fetches(CLIENTS)]
    assert [finding for _, finding in fetches] == ["X-Total-Count was 3 on one page and 4 on another", None]


@pytest.mark.parametrize("style", ["cursor", "single"])
def test_fewer_pages_than_were_announced_are_a_contradiction_in_each_style(
    server: Inn8, new_client: NewClient, style: str
) -> None:
    server.on("/clients", page("a", next=None, pages=2))
    text = f"records = '/items'\ntotal = {{ unit = 'pages', pointer = '/pages' }}\npaging = {{ style = '{style}' }}"
    fetch = new_client(server, contract=parse(text, ENTITIES)).fetch(CLIENTS)
    list(fetch)
    assert fetch.finding == "page 1 named no next page, though the total at /pages was 2 pages"


# A page that is refused


def refusing(status: int, answer: Callable[[Seen], bytes] = by_page, *, ids: int = len(IDS)) -> Callable[[Seen], bytes]:
    """Return a server that refuses pages after the last one of so many ids."""

    def respond(seen: Seen) -> bytes:
        return answer(seen) if (int(seen.query["page"]) - 1) * SIZE < ids else reply(b"{}", status)

    return respond


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_page_that_is_refused_after_a_short_one_is_the_end(server: Inn8, fetched: Fetched, status: int) -> None:
    server.on("/clients", refusing(status))
    assert fetched(BY_PAGE) == IDS
    server.on("/clients", refusing(status, by_page_counted))
    assert fetched(PAGES) == IDS


@pytest.mark.parametrize("status", [400, 422])
def test_a_bad_request_after_a_full_page_is_an_error_unless_the_contract_says_otherwise(
    server: Inn8, fetched: Fetched, status: int
) -> None:
    server.on("/clients", refusing(status, ids=30))
    with pytest.raises(RefusedRequestError) as caught:
        fetched(BY_PAGE)
    assert "paging.end_statuses" in "".join(caught.value.__notes__)
    assert fetched(f"{BY_PAGE}end_statuses = [{status}]") == IDS[:30]


def test_a_bad_request_after_a_first_page_of_a_usual_size_is_an_error(server: Inn8, fetched: Fetched) -> None:
    ids = [str(number) for number in range(100)]
    server.on("/clients", lambda seen: reply(records(*ids)) if seen.query["page"] == "1" else reply(b"{}", 400))
    with pytest.raises(RefusedRequestError):
        fetched(BY_PAGE, page_size=1000)


@pytest.mark.parametrize("status", [401, 403, 409])
def test_another_refusal_is_never_the_end(server: Inn8, fetched: Fetched, status: int) -> None:
    server.on("/clients", refusing(status))
    with pytest.raises(Exception, match=str(status)):
        fetched(BY_PAGE)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_never_hides_pages_that_a_total_announces(server: Inn8, new_client: NewClient, status: int) -> None:
    server.on("/clients", refusing(status, by_page_with_total, ids=25))
    client = new_client(server, contract=parse(f"{BY_PAGE}end_statuses = [400, 404, 422]", ENTITIES), page_size=SIZE)
    with pytest.raises((RefusedRequestError, ContractError)):
        [list(fetch) for fetch in client.fetches(CLIENTS)]
