"""A single page without links and without a total, with the built-in contract: whether it is the whole collection."""

import json
from collections.abc import Callable

import pytest

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import ContractError, TransientApiError
from inn8_pipeline.extract.paging.end_check import MAX_RECORDS
from inn8_pipeline_tests.extract.conftest import NewClient, circuits, new_client, server
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply

__all__ = ["circuits", "new_client", "server"]
IDS = [f"C-{number:03}" for number in range(83)]
SIZE = 41
"""No usual page size."""
Read = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture
def read(server: Inn8, new_client: NewClient) -> Read:
    """Return a function that returns the ids of a fetch, which must be complete, and the warnings."""

    def ids_and_warnings(text: str = "", **endpoint: object) -> tuple[list[str], list[str]]:
        notices: list[str] = []
        client = new_client(
            server, contract=parse(text, ENTITIES), on_notice=lambda each: notices.append(str(each)), **endpoint
        )
        fetch = client.fetch(CLIENTS)
        found = [record["id"] for page in fetch for record in json.loads(page.body)]
        assert fetch.is_complete, fetch.finding
        return found, notices

    return ids_and_warnings


def numbered(first: int, name: str = "page", total: int = len(IDS)) -> Callable[[Seen], bytes]:
    """Return a server that pages by number and ignores the page size."""

    def answer(seen: Seen) -> bytes:
        start = (int(seen.query.get(name, first)) - first) * SIZE
        return reply(records(*IDS[:total][start : start + SIZE]))

    return answer


@pytest.mark.parametrize("total", [SIZE + 1, 2 * SIZE, 2 * SIZE + 1])
@pytest.mark.parametrize(("first", "name"), [(1, "page"), (0, "page"), (1, "pageNumber"), (0, "pageNumber")])
def test_further_pages_by_number_are_an_error_that_names_the_key(
    server: Inn8, read: Read, first: int, name: str, total: int
) -> None:
    server.on("/clients", numbered(first, name, total))
    with pytest.raises(ContractError, match=r"41 records and names no next page, but INN8 sends other.*`paging\.st"):
        read()


def test_further_pages_by_offset_are_an_error(server: Inn8, read: Read) -> None:
    server.on("/clients", lambda seen: reply(records(*IDS[(start := int(seen.query.get("skip", "0"))) : start + SIZE])))
    with pytest.raises(ContractError, match="pages otherwise than the contract says"):
        read()


@pytest.mark.parametrize("first", [0, 1])
def test_a_single_page_by_number_is_the_whole_collection(server: Inn8, read: Read, first: int) -> None:
    server.on("/clients", numbered(first, total=SIZE))
    assert read() == (IDS[:SIZE], [])


def test_a_server_that_knows_no_pages_is_asked_once_more_without_a_warning(server: Inn8, read: Read) -> None:
    server.on("/clients", reply(records(*IDS)))
    assert read() == (IDS, [])
    first, second = server.seen("/clients")
    assert second.query == {**first.query, "page": "2", "pageNumber": "2", "offset": "83", "skip": "83"}


def test_a_record_that_is_added_between_the_two_requests_is_no_other_page(server: Inn8, read: Read) -> None:
    server.on("/clients", reply(records(*IDS[1:])), reply(records(*IDS)))
    assert read() == (IDS[1:], [])


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("paging = { style = 'single' }", {}),
        ("", {"X-Total-Count": "83"}),
        ("", {"Link": '</clients?page=1>; rel="first"'}),
    ],
)
def test_a_page_that_is_known_to_be_the_only_one_costs_one_request(
    server: Inn8, read: Read, text: str, headers: dict[str, str]
) -> None:
    server.on("/clients", reply(records(*IDS), headers=headers))
    assert read(text) == (IDS, [])
    assert len(server.seen("/clients")) == 1


def test_a_total_that_is_not_relied_on_proves_no_end(server: Inn8, read: Read) -> None:
    server.on("/clients", lambda seen: reply(numbered(1)(seen).partition(b"\r\n\r\n")[2], X_Total_Count="41"))
    with pytest.raises(ContractError, match="pages otherwise"):
        read(is_total_exact=False)


@pytest.mark.parametrize("answer", [reply(b"{}", 400), reply(b"{}", 422), reply(b'{"error": "no such page"}')])
def test_a_refused_check_is_a_warning_because_it_proves_nothing(server: Inn8, read: Read, answer: bytes) -> None:
    server.on("/clients", reply(records(*IDS)), answer)
    found, (warning,) = read()
    assert found == IDS
    assert "INN8 refused the request of another page: if INN8 pages in another way, the records after it" in warning


def test_a_single_page_of_a_usual_size_is_a_warning_although_the_server_knows_no_pages(
    server: Inn8, read: Read
) -> None:
    ids = [str(number) for number in range(100)]
    server.on("/clients", reply(records(*ids)))
    found, (warning,) = read()
    assert found == ids
    assert "has 100 records and names no next page, and looks like a full page" in warning


def test_a_page_that_is_too_large_for_a_check_is_a_warning(server: Inn8, read: Read) -> None:
    server.on("/clients", reply(records(*map(str, range(MAX_RECORDS + 1)))))
    found, (warning,) = read()
    assert len(found) == MAX_RECORDS + 1
    assert "is too large to be checked" in warning
    assert len(server.seen("/clients")) == 1


def test_a_check_that_fails_fails_the_fetch_and_says_how_to_do_without_it(server: Inn8, read: Read) -> None:
    server.on("/clients", reply(records(*IDS)), reply(b"{}", 500))
    with pytest.raises(TransientApiError) as caught:
        read()
    assert 'paging.style = "single"' in "".join(caught.value.__notes__)
