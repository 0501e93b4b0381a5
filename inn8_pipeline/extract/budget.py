"""The request budget as a client uses it: each request takes one unit of the budget, or waits.

All processes share the budget, which `warehouse/request_budget.py` stores. Requests are also held back by what INN8's
responses say of its own limit, before it answers 429.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol

import httpx

from inn8_pipeline.extract.http.rate_limits import rate_limit

MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.01, 1.0
"""The shortest and the longest pause between two attempts to take a request; others may have been quicker."""


class Refusal(Protocol):
    """Why a request must wait: for its turn in the budget, or for INN8's own limit; and for about how long."""

    @property
    def wait_seconds(self) -> float: ...  # noqa: D102

    @property
    def is_by_server(self) -> bool: ...  # noqa: D102


class BudgetStore(Protocol):
    """The budget of one tenant. Safe to use from several threads."""

    @property
    def is_limited(self) -> bool:
        """True if there is a limit of our own; without one, only INN8's own limit counts."""

    def take(self, *, leaves_reserve: bool) -> Refusal | None:
        """Take one request; return why to wait if there is none. With `leaves_reserve` some are left to others."""

    def heed(self, remaining: int, reset_seconds: float) -> None:
        """Store what a response says of INN8's own limit."""

    def forget(self) -> None:
        """Forget INN8's own limit, if the last request was to show whether it still has one."""


class Unlimited:
    """A store that neither limits requests nor remembers what INN8 said."""

    is_limited = False

    def take(self, *, leaves_reserve: bool) -> None:
        """Allow the request."""

    def heed(self, remaining: int, reset_seconds: float) -> None:
        """Ignore it."""

    def forget(self) -> None:
        """Do nothing."""


class RequestBudget:
    """The budget of one client. Safe to use from several threads, of which one at a time waits for its turn.

    Args:
        store: The tenant's budget.
        leaves_reserve: Whether the last requests of the budget are left to others, as a backfill does.
        announce: Called with a line when requests wait for the first time, for each of the two reasons.

    """

    def __init__(
        self, store: BudgetStore, *, leaves_reserve: bool = False, announce: Callable[[str], None] = lambda _: None
    ) -> None:
        self.waited_seconds = 0.0
        self._store = store
        self._leaves_reserve = leaves_reserve
        self._announce = announce
        self._announced: set[bool] = set()
        self._turn = Lock()
        self._has_seen_limits = False

    def take(self, wait: Callable[[float], None]) -> None:
        """Take one request, and wait until there is one. `wait` sleeps, and raises if the request was cancelled."""
        if not self._store.is_limited and not self._has_seen_limits:
            return
        with self._turn:
            while refusal := self._store.take(leaves_reserve=self._leaves_reserve):
                self._wait(refusal, wait)

    def heed(self, response: httpx.Response) -> None:
        """Store the rate limit that a response announces; forget the stored one if it announces none."""
        found = rate_limit(response)
        if found is None:
            self._store.forget()
            return
        self._has_seen_limits = True
        self._store.heed(found.remaining, found.reset_seconds)

    def _wait(self, refusal: Refusal, wait: Callable[[float], None]) -> None:
        if refusal.is_by_server not in self._announced:
            self._announced.add(refusal.is_by_server)
            self._announce(_BY_SERVER if refusal.is_by_server else _BY_BUDGET)
        began_at = time.monotonic()
        try:
            wait(min(max(refusal.wait_seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS))
        finally:
            self.waited_seconds += time.monotonic() - began_at


_BY_SERVER = "Requests wait: INN8's responses say that its rate limit is used up for now. Nothing is lost."
_BY_BUDGET = (
    "Requests wait for the tenant's budget (INN8_MAX_REQUESTS_PER_MINUTE), which all syncs share. Nothing is lost."
)
