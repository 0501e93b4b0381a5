"""The INN8 that is probed: single requests and whole fetches, all of which count towards one bound."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from threading import Lock

from inn8_pipeline.contract import CollectionContract, Contract
from inn8_pipeline.extract.budget import BudgetStore, Refusal
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.raw import RawResponse

MAX_REQUESTS = 120
"""The most requests of one probe, retries included."""


class RequestsUsedUpError(Exception):
    """The probe has made as many requests as it may."""


class BoundedBudget:
    """A budget that counts requests, takes each from another budget too, and ends the probe at a bound."""

    is_limited = True

    def __init__(self, inner: BudgetStore, most: int = MAX_REQUESTS) -> None:
        self.used = 0
        self._inner = inner
        self._most = most
        self._lock = Lock()

    def take(self, *, leaves_reserve: bool) -> Refusal | None:
        """Take one request; return why to wait if the other budget has none.

        Raises:
            RequestsUsedUpError: The bound is reached.

        """
        if self.used >= self._most:
            raise RequestsUsedUpError
        refusal = self._inner.take(leaves_reserve=leaves_reserve) if self._inner.is_limited else None
        if refusal is None:
            with self._lock:
                self.used += 1
        return refusal

    def heed(self, remaining: int, reset_seconds: float) -> None:
        """Tell the other budget what INN8 says of its own limit."""
        self._inner.heed(remaining, reset_seconds)

    def forget(self) -> None:
        """Tell the other budget that a response says nothing of a limit."""
        self._inner.forget()


MAX_PAGES_AT_A_TIME = 8
"""The most requests that are made at the same time."""

Connect = Callable[[Contract, int | None, int, BudgetStore], AbstractContextManager[Inn8Client]]
"""Opens a client with a contract, a page size, a number of pages at a time and a budget; it opens no circuit."""


class ProbedServer:
    """Requests as the contract says, with single parameters changed."""

    def __init__(self, client: Inn8Client, contract: Contract) -> None:
        self.raw = client.raw
        self._contract = contract

    def page(
        self,
        collection: CollectionContract,
        parameters: Mapping[str, str] | None = None,
        *,
        page_size: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawResponse:
        """Return the response to a request of the collection, with a page size if the contract sends one."""
        asked = dict(self._contract.parameters)
        if collection.paging.page_size_parameter:
            asked[collection.paging.page_size_parameter] = str(page_size or collection.paging.page_size)
        return self.raw.get(collection.path, asked | dict(parameters or {}), headers)
