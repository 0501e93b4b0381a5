"""The bounds of a fetch: records per page and per fetch, not bytes alone."""

import tracemalloc

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import ContractError
from inn8_pipeline.extract.paging.page import MAX_SHORT_RECORDS
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import Inn8, Seen, records, reply


@pytest.mark.parametrize("element", [b"1", b"{}", b'""'])
def test_a_page_of_millions_of_elements_that_are_no_records_is_an_error_that_names_the_bound(
    server: Inn8, new_client: NewClient, element: bytes
) -> None:
    body = b"[" + (element + b",") * 1_000_000 + element + b"]"
    server.on("/clients", reply(body))
    tracemalloc.start()
    with pytest.raises(ContractError) as caught:
        list(new_client(server).fetch(CLIENTS))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    bound = max(MAX_SHORT_RECORDS, len(body) // 32)
    assert f"1000001 elements in {len(body)} bytes, too short to be records (the bound is {bound})" in str(caught.value)
    assert peak < 150_000_000


def test_a_page_of_short_records_within_the_bound_is_read(server: Inn8, new_client: NewClient) -> None:
    server.on("/clients", reply(b"[" + b"1," * (MAX_SHORT_RECORDS - 1) + b"1]"))
    (page,) = new_client(server).fetch(CLIENTS)
    assert page.records == MAX_SHORT_RECORDS


def test_a_fetch_of_more_records_than_its_bound_is_an_error_that_names_it(server: Inn8, new_client: NewClient) -> None:
    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", "1"))
        return reply(records(f"{number}a", f"{number}b"), Link=f'<?page={number + 1}>; rel="next"')

    server.on("/clients", answer)
    with pytest.raises(ContractError, match="The collection clients has more than 5 records, the bound of one fetch"):
        list(new_client(server, max_records=5, max_pages=20).fetch(CLIENTS))
    assert len(server.seen("/clients")) <= 4
