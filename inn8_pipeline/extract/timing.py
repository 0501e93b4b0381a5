"""The times of the requests for one page, for whoever observes a fetch (`Fetch.on_page_timing`)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class RequestTries:
    """How a call has gone so far.

    Attributes:
        retries: How many attempts followed the first one.
        waited_seconds: How long the call waited: for a retry, the circuit breaker, the request budget or a rate limit.
        status: The status of the last response; None if there was none.

    """

    retries: int = 0
    waited_seconds: float = 0.0
    status: int | None = None


@dataclass(slots=True)
class PageTiming:
    """When the request for a page began and ended, in nanoseconds since 1970, and how it went.

    A context manager around the request, which calls `report` at its end. `records` and `bytes` are those of the page;
    None if it did not come, because of an `error` of this class.
    """

    number: int
    report: Callable[["PageTiming"], None] = field(repr=False)
    tries: RequestTries = field(default_factory=RequestTries)
    began_ns: int = 0
    ended_ns: int = 0
    records: int | None = None
    bytes: int | None = None
    error: type[BaseException] | None = None

    def __enter__(self) -> Self:
        """Begin."""
        self.began_ns = time.time_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and report."""
        self.ended_ns = time.time_ns()
        self.error = kind
        self.report(self)
