"""Links that lead to another origin, in a loop or on without an end."""

from collections.abc import Callable, Mapping

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ApiError, ContractError
from inn8_pipeline.extract.endpoint import RetryPolicy
from inn8_pipeline.extract.paging.paginator import MAX_EMPTY_PAGES
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.paging.pages import bodies
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply, serving


def test_a_link_to_another_origin_is_refused_and_never_gets_the_token(server: Inn8, new_client: NewClient) -> None:
    with serving() as other:
        for link in (
            f"{other.url}/clients?page=2&private=1",
            f"//{other.host}/x",
            f"https://{server.host}/x",
            "http://h/",
        ):
            server.on("/clients", reply(Link=f'<{link}>; rel="next"'))
            with pytest.raises(ContractError, match="must not get the token") as caught:
                bodies(new_client(server))
            assert "private" not in str(caught.value)
        assert other.connections == 0


@pytest.mark.parametrize("link", ["http://[::1", "http://h\x01/", "http://h:99999999/", "http://\xff\xff./"])
def test_a_link_that_is_no_address_is_refused(server: Inn8, new_client: NewClient, link: str) -> None:
    server.on("/clients", reply(Link=f'<{link}>; rel="next"'))
    with pytest.raises(ApiError):
        bodies(new_client(server, retry=RetryPolicy(waits_seconds=())))


def test_a_link_that_names_a_user_of_the_same_host_is_refused(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(Link=f'<http://mallory:pw@{server.host}/clients?page=2>; rel="next"'))
    with pytest.raises(ContractError, match="must not get the token"):
        bodies(new_client(server))


def test_a_loop_of_links_is_refused(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        return reply(records(str(number)), Link=f'<?page={number % 3 + 1}>; rel="next"')

    server.on("/clients", answer)
    with pytest.raises(ContractError, match="Page 4 of clients links to a page that was fetched before: a loop"):
        bodies(new_client(server))
    assert len(server.seen("/clients")) == 4


def test_next_links_without_an_end_are_bounded(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        return reply(records(str(number)), Link=f'<?page={number + 1}>; rel="next"')

    server.on("/clients", answer)
    with pytest.raises(ContractError, match="has a next page, though 25 were fetched"):
        bodies(new_client(server, max_pages=25))


def endless(body: bytes, headers: Mapping[str, str] | None = None) -> Callable[[Seen], bytes]:
    """Return a server that sends the same page for ever, each with a link to the next."""

    def answer(seen: Seen) -> bytes:
        link = f'<?page={int(seen.query.get("page", "1")) + 1}>; rel="next"'
        return reply(body, Link=link, headers=headers)

    return answer


def test_empty_pages_without_an_end_are_refused_soon(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", endless(b"[]"))
    with pytest.raises(ContractError, match="Page 10 of clients is the 10th empty one in a row"):
        bodies(new_client(server))
    assert len(server.seen("/clients")) == MAX_EMPTY_PAGES


def test_a_page_that_comes_for_ever_ends_the_fetch_at_the_second(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", endless(records("a")))
    fetch = new_client(server).fetch(CLIENTS)
    assert len(list(fetch)) == 2
    assert (fetch.is_complete, fetch.finding) == (False, "page 2 has the same records as page 1")
    assert len(server.seen("/clients")) <= 3


def test_twelve_empty_pages_are_no_loop_where_the_total_announces_more(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        body = records(str(number)) if number in {1, 14} else b"[]"
        link = {"Link": f'<?page={number + 1}>; rel="next"'} if number < 14 else {}
        return reply(body, X_Total_Count="2", headers=link)

    server.on("/clients", answer)
    fetch = new_client(server).fetch(CLIENTS)
    assert [page.records for page in fetch] == [1, *12 * [0], 1]
    assert fetch.is_complete


def test_empty_pages_are_bounded_though_the_total_announces_more(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", endless(b"[]", {"X-Total-Count": "5"}))
    with pytest.raises(ContractError, match="is the 1000th empty one in a row"):
        bodies(new_client(server))


def test_a_link_header_that_cannot_be_read_is_an_error_and_not_the_last_page(
    server: Inn8, new_client: NewClient
) -> None:
    server.on("/clients", reply(records("a"), Link=f'{server.url}/clients?page=2; rel="next"'))
    with pytest.raises(ContractError, match="Page 1 of clients has a Link header that cannot be read"):
        bodies(new_client(server))


def test_a_billion_announced_pages_are_refused_before_the_second(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(Link='<?page=2>; rel="next", <?page=999999999>; rel="last"'))
    with pytest.raises(ContractError, match="announces more than 100000 pages"):
        bodies(new_client(server))
    assert len(server.seen("/clients")) == 1
