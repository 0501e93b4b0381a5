"""A collection that changes while it is paged is detected, fetched again, and refused after three fetches."""

import re
import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.paging.consistency import ConsistencyCheck
from inn8_pipeline.extract.paging.page import Page
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply

Ids = Sequence[str]


def collections(*versions: Sequence[Ids], total: str | None = None) -> Callable[[Seen], bytes]:
    """Return a server whose collection is the next of these versions at each new fetch; the last one stays."""
    left = list(versions)
    now: list[Sequence[Ids]] = []

    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        if number == 1:
            now[:] = [left.pop(0) if len(left) > 1 else left[0]]
        pages = now[0]
        links = f'<?page={len(pages)}>; rel="last"'
        if number < len(pages):
            links += f', <?page={number + 1}>; rel="next"'
        count = total if total is not None else str(sum(map(len, pages)))
        return reply(records(*pages[number - 1]), Link=links, X_Total_Count=count)

    return answer


def outcome(client: Inn8Client) -> list[tuple[int, bool, bool]]:
    """Return for each fetch: the records that came, whether it was complete, whether duplicates were accepted."""
    found = []
    for fetch in client.fetches(CLIENTS):
        pages = list(fetch)
        assert fetch.records == sum(page.records for page in pages)
        found.append((fetch.records, fetch.is_complete, fetch.has_duplicates))
    return found


CONSISTENT = [["a", "b"], ["c", "d"], ["e"]]


def test_consistent_pages_are_fetched_once(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections(CONSISTENT))
    assert outcome(new_client(server)) == [(5, True, False)]


def test_a_total_that_does_not_match_what_came_costs_another_fetch(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records("a"), X_Total_Count="2"), reply(records("a", "b"), X_Total_Count="2"))
    assert outcome(new_client(server)) == [(1, False, False), (2, True, False)]


def test_a_total_that_changes_between_pages_costs_another_fetch(server: Inn8, new_client: NewClient) -> None:
    first = reply(records("a"), X_Total_Count="2", Link='<?page=2>; rel="next"')
    second = reply(records("b"), X_Total_Count="3")
    server.on("/clients", first, second, reply(records("a", "b"), X_Total_Count="2"))
    assert outcome(new_client(server)) == [(2, False, False), (2, True, False)]


def test_an_id_on_two_pages_costs_another_fetch(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a", "b"], ["b", "c"]], CONSISTENT))
    assert outcome(new_client(server)) == [(4, False, False), (5, True, False)]


def test_the_same_duplicates_again_are_accepted_and_reported(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a", "b"], ["b", "c"]]))
    assert outcome(new_client(server)) == [(4, False, False), (4, True, True)]


def test_other_duplicates_each_time_end_in_an_error_after_three_fetches(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a", "b"], ["b"]], [["a", "b"], ["a"]], [["a", "b"], ["b"]]))
    with pytest.raises(ContractError, match=re.escape("in each of 3 fetches; in the last one, 1 ids were on more")):
        outcome(new_client(server))
    assert len(server.seen("/clients")) == 6


def test_the_same_duplicates_with_a_wrong_total_are_not_accepted(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a", "b"], ["b"]], total="4"))
    with pytest.raises(ContractError, match="X-Total-Count was 4, and 3 records came"):
        outcome(new_client(server))


def test_an_id_twice_on_one_page_is_not_an_inconsistency_of_paging(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a", "a"], ["b"]]))
    assert outcome(new_client(server)) == [(3, True, False)]


def test_ids_that_differ_in_case_are_two_ids(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a"], ["A"]]))
    assert outcome(new_client(server)) == [(2, True, False)]


@pytest.mark.parametrize("spelling", ["id", "Id", "ID", "iD"])
def test_an_id_is_found_in_any_spelling_and_beside_invalid_records(
    server: Inn8, new_client: NewClient, spelling: str
) -> None:
    body = f'[1, null, {{"{spelling}": "x"}}, {{"{spelling}": 7}}, {{}}, {{"id": "\\ud800"}}]'.encode()
    other = f'[{{"{spelling}": "x", "id2": 3}}, [], {{"id": "\\ud801"}}]'.encode()
    server.on("/clients", reply(body, Link='<?page=2>; rel="next"'), reply(other))
    fetch = new_client(server).fetch(CLIENTS)
    assert [page.records for page in fetch] == [6, 3]
    assert (fetch.is_complete, fetch.finding) == (False, "1 ids were on more than one page")


def test_more_records_than_announced_end_the_fetch_early(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        return reply(records(str(number)), X_Total_Count="3", Link=f'<?page={number + 1}>; rel="next"')

    server.on("/clients", answer)
    with pytest.raises(ContractError, match="X-Total-Count was 3, and 4 records came"):
        outcome(new_client(server))
    assert len(server.seen("/clients")) <= 3 * 5


def test_a_page_that_was_announced_and_is_gone_costs_another_fetch(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records("a"), Link='<?page=2>; rel="next"'), reply(b"{}", 404), reply(records("a")))
    assert outcome(new_client(server)) == [(1, False, False), (1, True, False)]


def test_a_collection_that_is_not_there_at_all_is_an_error(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"{}", 404))
    with pytest.raises(RefusedRequestError, match="refused GET /clients with 404"):
        outcome(new_client(server))


def test_a_page_before_the_last_that_names_no_next_costs_another_fetch(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        link = f'<?page={number + 1}>; rel="next", <?page=4>; rel="last"'
        return reply(records(str(number)), headers={"Link": link} if number in {1, 2} else None)

    server.on("/clients", answer)
    fetch = new_client(server).fetch(CLIENTS)
    assert len(list(fetch)) == 4
    assert (fetch.is_complete, fetch.finding) == (False, "a page before the last one named no next page")


@pytest.mark.parametrize("total", ["", "many", "1,005", "-1", "~3", "3.5", "1e3", "9" * 16])
def test_a_total_that_is_not_a_number_is_ignored_with_one_warning(
    server: Inn8, new_client: NewClient, total: str
) -> None:
    server.on("/clients", collections(CONSISTENT, total=total))
    warnings: list[str] = []
    assert outcome(new_client(server, on_notice=warnings.append)) == [(5, True, False)]
    assert warnings == ["Page 1 of clients sends no number as its X-Total-Count; it was ignored."]


def test_an_estimated_total_is_only_a_warning_where_the_contract_says_so(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections(CONSISTENT, total="4"))
    warnings: list[str] = []
    assert outcome(new_client(server, on_notice=warnings.append, is_total_exact=False)) == [(5, True, False)]
    assert warnings == [
        "The collection clients came with a total that does not match: X-Total-Count was 4, and 5 records came."
    ]


def same_page(seen: Seen) -> bytes:
    """Return a cache that ignores the query: 1,000 records for each of 3 pages, and a total of 3,000."""
    number = int(seen.query.get("page", "1"))
    links = f'<?page={number + 1}>; rel="next", <?page=3>; rel="last"' if number < 3 else '<?page=3>; rel="last"'
    return reply(records(*map(str, range(1000))), Link=links, X_Total_Count="3000")


def test_a_page_that_comes_again_is_never_accepted(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", same_page)
    with pytest.raises(
        ContractError, match="each of 3 fetches; in the last one, page 2 has the same records as page 1"
    ):
        outcome(new_client(server))


def test_a_page_with_the_same_records_in_other_bytes_is_never_accepted(server: Inn8, new_client: NewClient) -> None:
    first = reply(records("a", "b"), Link='<?page=2>; rel="next"')
    second = reply(b'[ {"id": "b", "at": 2}, {"id": "a", "at": 2} ]')
    server.on("/clients", *3 * [first, second])
    with pytest.raises(ContractError, match="page 2 has the same records as page 1"):
        outcome(new_client(server))


def test_a_page_without_ids_that_comes_again_is_never_accepted(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", *3 * [reply(b'[{"id": 1}]', Link='<?page=2>; rel="next"'), reply(b'[{"id": 1}]')])
    with pytest.raises(ContractError, match="page 2 has the same records as page 1"):
        outcome(new_client(server))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(b'[{"id": "a"}, {"id": "b"}, {"id": 7}]', b'[{"id": null}, {"id": "b"}, {"id": "a"}]', id="one"),
        pytest.param(b'[{"id": 1}, {"id": 2}, {"a": "\\ud800"}]', b'[{"a": "\\ud800"}, {"id": 2},{"id": 1}]', id="all"),
    ],
)
def test_a_page_that_comes_again_in_another_order_is_never_accepted_though_ids_cannot_be_read(
    server: Inn8, new_client: NewClient, first: bytes, second: bytes
) -> None:
    server.on("/clients", *3 * [reply(first, Link='<?page=2>; rel="next"'), reply(second)])
    with pytest.raises(ContractError, match="page 2 has the same records as page 1"):
        outcome(new_client(server))


def test_a_page_that_came_again_while_the_collection_shifted_costs_another_fetch(
    server: Inn8, new_client: NewClient
) -> None:
    server.on("/clients", collections([["a"], ["a"]], [["b"], ["a"]]))
    assert outcome(new_client(server)) == [(2, False, False), (2, True, False)]


def overlapping(share: int) -> list[list[str]]:
    """Two pages of 1,000 records; the second has `share` ids of the first."""
    return [[str(each) for each in range(1000)], [str(each) for each in range(1000 - share, 2000 - share)]]


def test_duplicates_within_the_bound_are_accepted_with_a_warning(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections(overlapping(20)))
    warnings: list[str] = []
    client = new_client(server, on_notice=warnings.append)
    assert outcome(client) == [(2000, False, False), (2000, True, True)]
    assert warnings == [
        "The collection clients has 20 ids on more than one page, the same ones in two fetches: INN8 sends them."
    ]


def test_duplicates_beyond_the_bound_are_never_accepted(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections(overlapping(21)))
    with pytest.raises(ContractError, match="in the last one, 21 of 2000 records have the id of another record"):
        outcome(new_client(server))


def test_duplicates_on_one_page_beyond_the_bound_are_never_accepted(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(records(*3 * [str(each) for each in range(1000)])))
    with pytest.raises(ContractError, match="2000 of 3000 records have the id of another record"):
        outcome(new_client(server))


def test_a_fetch_that_is_left_early_is_not_followed_by_another(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", collections([["a", "b"], ["b", "c"]]))
    numbers = []
    for fetch in new_client(server).fetches(CLIENTS):
        next(iter(fetch))
        numbers.append((fetch.number, fetch.is_complete))
    assert numbers == [(1, False)]


def test_the_consistency_check_needs_at_most_sixteen_bytes_per_id() -> None:
    check = ConsistencyCheck()
    tracemalloc.start()
    for page in range(200):
        check.add(Page(page, b"", 1000), [f"TX-{page}-{each}" for each in range(1000)], None)
    report = check.report()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.finding, report.duplicate_count) == (None, 0)
    assert peak < 200_000 * 16 + 300_000
