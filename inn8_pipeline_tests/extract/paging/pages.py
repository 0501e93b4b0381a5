"""Servers of pages, and what a client must get from them."""

from collections.abc import Callable

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline_tests.extract.servers import Seen, records, reply


def bodies(client: Inn8Client) -> list[bytes]:
    return [page.body for page in client.fetch(CLIENTS)]


def paged(last: int, *, announce_last: bool = True, first: int = 1) -> Callable[[Seen], bytes]:
    """Return a server of `last` pages of one record each, whose id is the page's number."""

    def answer(seen: Seen) -> bytes:
        number = int(seen.query.get("page", first))
        links = []
        if number < last:
            links.append(f'</clients?pageSize=1000&page={number + 1}>; rel="next"')
            if announce_last:
                links.append(f'</clients?pageSize=1000&page={last}>; rel="last"')
        return reply(records(str(number)), headers={"Link": ", ".join(links)} if links else None)

    return answer


def expected(last: int, first: int = 1) -> list[bytes]:
    return [records(str(number)) for number in range(first, last + 1)]
