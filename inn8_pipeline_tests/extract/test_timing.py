"""An observer of a fetch gets each page: its status, its retries, its waits, and the class of its error."""

from typing import TYPE_CHECKING

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import RefusedRequestError, TransientApiError
from inn8_pipeline_tests.extract.conftest import NewClient
from inn8_pipeline_tests.extract.servers import Inn8, records, reply

if TYPE_CHECKING:
    from inn8_pipeline.extract.timing import PageTiming


def test_each_page_is_timed_with_its_status_its_retries_and_its_waits(server: Inn8, new_client: NewClient) -> None:
    link = '</clients?page=2>; rel="next"'
    server.on("/clients", reply(b"{}", 503), reply(records("a"), headers={"Link": link}), reply(records("b", "c")))
    timings: list[PageTiming] = []
    fetch = new_client(server).fetch(CLIENTS)
    fetch.on_page_timing = timings.append
    pages = list(fetch)
    assert [(each.number, each.records, each.bytes) for each in timings] == [
        (page.number, page.records, len(page.body)) for page in pages
    ]
    assert [(each.tries.status, each.tries.retries, each.error) for each in timings] == [(200, 1, None), (200, 0, None)]
    assert [each.tries.waited_seconds > 0 for each in timings] == [True, False]
    assert timings[0].began_ns < timings[0].ended_ns <= timings[1].ended_ns


@pytest.mark.parametrize(("status", "retries", "error"), [(404, 0, RefusedRequestError), (503, 3, TransientApiError)])
def test_a_page_that_fails_is_timed_with_the_last_status_and_the_class_of_the_error(
    server: Inn8, new_client: NewClient, status: int, retries: int, error: type[Exception]
) -> None:
    server.on("/clients", reply(b"{}", status))
    timings: list[PageTiming] = []
    fetch = new_client(server).fetch(CLIENTS)
    fetch.on_page_timing = timings.append
    with pytest.raises(error):
        list(fetch)
    (timing,) = timings
    assert (timing.tries.status, timing.tries.retries, timing.error) == (status, retries, error)
    assert (timing.records, timing.bytes) == (None, None)
