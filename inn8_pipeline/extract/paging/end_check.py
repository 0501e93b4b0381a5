"""Check that a single page without a next link and without a total is the whole collection, by one request more.

INN8 may page by number or offset although the contract in force says that it links to the next page. Then the first
response looks like a whole collection, and everything after it would be missing without a trace.
"""

from collections.abc import Callable

import httpx

from inn8_pipeline.errors import ApiError, ContractError, RefusedRequestError
from inn8_pipeline.extract.paging.paginator import USUAL_PAGE_SIZES, FetchedPage, PageRequest

MAX_RECORDS = 10_000
"""The largest first page that is checked. Larger pages are unusual, and the response to the check may be as large."""

WAY_OUT = (
    "Set `paging.style` in the contract file to `page` or `offset` (`inn8 probe --write contract.toml` finds which, "
    "and its parameters); then rerun."
)
FAILED_NOTE = (
    "This request only checks that the first page is the whole collection. If INN8 sends each collection in one "
    'response, set `paging.style = "single"` in the contract file (docs/contract.md): then it is not made.'
)


class EndCheck:
    """Ask for another page than the first one, by all usual parameters at once, and compare the records.

    A server that does not page by number or offset ignores the parameters and sends the same records again. If there
    is no second page, the number of the first one may be 0, and page 1 the second one: then it is requested, too.
    """

    def __init__(self, name: str, url: str, page_size: int, first: FetchedPage) -> None:
        self._name = name
        self._url = url
        self._page_size = page_size
        self._records = first.page.records
        self._ids = frozenset(first.ids)

    def run(self, read: Callable[[PageRequest], FetchedPage]) -> str | None:
        """Make the check; return why it leaves open whether the first page is the whole collection, if it does.

        Raises:
            ContractError: INN8 sends other records: the first page is not the whole collection.
            ApiError: The request failed.

        """
        if self._records > MAX_RECORDS:
            return self._doubt("is too large to be checked by a second request")
        records = str(self._records)
        second = self._compared(read, page="2", pageNumber="2", offset=records, skip=records)
        if second == "none":
            second = self._compared(read, page="1", pageNumber="1")
        if second == "refused":
            return self._doubt("was not confirmed as all of them, because INN8 refused the request of another page")
        if second == "same" and self._records in {self._page_size, *USUAL_PAGE_SIZES}:
            return self._doubt("looks like a full page")
        return None

    def _compared(self, read: Callable[[PageRequest], FetchedPage], **parameters: str) -> str:
        """Return whether the page with these parameters has the `same` records or `none`, or was `refused`."""
        url = str(httpx.URL(self._url).copy_merge_params(parameters))
        try:
            fetched = read(PageRequest(2, url, is_followed=False))
        except RefusedRequestError as refusal:
            return "none" if refusal.status in {404, 410} else "refused"
        except ContractError:
            return "refused"
        except ApiError as error:
            error.add_note(FAILED_NOTE)
            raise
        if not fetched.page.records:
            return "none"
        self._require_same(frozenset(fetched.ids))
        return "same"

    def _require_same(self, ids: frozenset[str]) -> None:
        """Raise a ContractError unless most of the ids are those of the first page: the collection may change."""
        if 2 * len(ids & self._ids) >= len(ids):
            return
        finding = (
            f"has {self._records} records and names no next page, but INN8 sends other records when it is asked for "
            "another page by number or offset: it pages otherwise than the contract says"
        )
        subject = f"Page 1 of {self._name}"
        raise ContractError(subject, finding, WAY_OUT)

    def _doubt(self, reason: str) -> str:
        return (
            f"has {self._records} records and names no next page, and {reason}: if INN8 pages in another way, the "
            "records after it are missing (`paging` in docs/contract.md)"
        )
