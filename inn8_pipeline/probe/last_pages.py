"""Compare the announced total of a large collection with its records, without reading all of them.

The last page that the total announces is requested by its number: it has as many records as remain. Where pages have no
numbers, a day of trade is read to its end, or a collection of a few pages.
"""

import re
from collections.abc import Mapping

from inn8_pipeline.entities import Window
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.probe.examination import CollectionView, Examination
from inn8_pipeline.probe.findings import Severity
from inn8_pipeline.probe.server import ProbedServer
from inn8_pipeline.probe.totals import distrust, read_total
from inn8_pipeline.probe.verification import is_total_wrong

MAX_PAGES = 8
"""How many pages of a collection are read for its total alone."""
_NEXT_PAGE = re.compile(r"<[^>]*[?&]page=([0-9]{1,9})[^>]*>[^,]*\bnext\b")


def examine_last_page(server: ProbedServer, examination: Examination, first: CollectionView) -> bool:
    """Compare the total with the last page; return False if the style of paging has no page numbers."""
    total, count = read_total(first, examination.proposal.total), len(first.records)
    if examination.is_whole or examination.proposal.total.unit == "none" or total is None or not count:
        return True
    if _parameters(examination, first, 1, count) is None:
        return False
    has_right_total = _counts_pages if examination.proposal.total.unit == "pages" else _counts_records
    if not has_right_total(server, examination, first, total):
        distrust(examination)
    return True


def read_to_the_end(client: Inn8Client, examination: Examination, first: CollectionView, *, has_numbers: bool) -> None:
    """Compare the total of one day of trade with its records; of a collection without days, that of all pages.

    Report if that is more than `MAX_PAGES` pages, and if the pages have no numbers: then the total was not compared.
    """
    days = Window(examination.day, examination.day) if examination.day else None
    if days is None and (has_numbers or examination.is_whole):
        return
    if days or _announced_pages(examination, first) <= MAX_PAGES:
        fetch = client.fetch(examination.entity, days)
        try:
            is_at_end = not any(page.number > MAX_PAGES for page in fetch)
        finally:
            fetch.close()
        if is_at_end:
            if is_total_wrong(fetch, examination):
                distrust(examination)
            return
    if not has_numbers:
        meaning = "If it is wrong, a sync ends in an error that says so: then set `total.unit` to `none`."
        seen = f"not compared with the records, because they are on more than {MAX_PAGES} pages without numbers"
        examination.add("total", Severity.HANDLED, seen, meaning)


def _announced_pages(examination: Examination, first: CollectionView) -> int:
    total = read_total(first, examination.proposal.total) or 0
    return total if examination.proposal.total.unit == "pages" else -(-total // max(len(first.records), 1))


def _counts_records(server: ProbedServer, examination: Examination, first: CollectionView, total: int) -> bool:
    count = len(first.records)
    size = _size(total, count) if examination.page_size_is_honoured else count
    number = max(-(-total // size), 1)
    last = _page(server, examination, first, number, size)
    # The collection may have changed since the first page came.
    newest = read_total(last, examination.proposal.total)
    rest = (total if newest is None else newest) - (number - 1) * size
    if len(last.records) != min(rest, size):
        return False
    return rest != size or not _page(server, examination, first, number + 1, size).records


def _counts_pages(server: ProbedServer, examination: Examination, first: CollectionView, total: int) -> bool:
    count = len(first.records)
    if not _page(server, examination, first, total, count).records:
        return False
    return not _page(server, examination, first, total + 1, count).records


def _size(total: int, count: int) -> int:
    """Return a page size, at most `count`, with which the last page is neither nearly full nor nearly empty."""
    return max(range(max(count // 2, 1), count + 1), key=lambda size: min(total % size, size - total % size))


def _page(
    server: ProbedServer, examination: Examination, first: CollectionView, number: int, size: int
) -> CollectionView:
    parameters = _parameters(examination, first, number, size) or {}
    asked_size = examination.proposal.paging.page_size if size == len(first.records) else size
    return examination.view(server.page(examination.proposal, parameters, page_size=asked_size))


def _parameters(examination: Examination, first: CollectionView, number: int, size: int) -> Mapping[str, str] | None:
    """Return the parameters of a page, counted from 1; None if pages have no numbers."""
    paging = examination.proposal.paging
    if paging.style == "page":
        return {paging.sent_parameter: str(number - 1 + paging.first_page)}
    if paging.style == "offset":
        return {paging.sent_parameter: str((number - 1) * size)}
    second = _NEXT_PAGE.search(first.response.headers.get("link", "")) if paging.style == "link" else None
    return {"page": str(number - 2 + int(second[1]))} if second else None
