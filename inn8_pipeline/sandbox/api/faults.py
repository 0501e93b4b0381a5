"""Faults that a test or a demo injects: which fault, for which path, for how many requests.

`responses` implements those that replace the response.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from inn8_pipeline.sandbox.errors import UnknownNameError

RESPONSE_FAULTS: Final = (
    "status", "html", "object", "body", "redirect", "cut_length", "cut_chunked", "drop", "trickle",
)  # fmt: skip
"""Kinds that replace the regular response. At most one of them affects a request."""
OPTION_FAULTS: Final = (
    "delay", "revoke", "pascal", "no_paging", "no_windows", "no_last", "no_total", "wrong_total", "foreign_next",
    "loop_next", "same_page",
)  # fmt: skip
"""Kinds that change the regular response. Any number of them may affect a request."""
FaultPath = Literal["clients", "portfolios", "transactions", "token"]


@dataclass
class Fault:
    """One fault. It affects `times` requests (None: all), after `skip` requests that it does not affect.

    - `status`: respond with `status` (503 by default), and with the header Retry-After if `retry_after` is given
    - `html`, `object`, `body`: 200 with a web page; with `{"error": …, "message": …}`; with `text` verbatim
    - `redirect`: 302 to `location`
    - `cut_length`: half of the body, with the Content-Length of all of it; `cut_chunked`: half of it, chunks never end
    - `drop`: close the connection without a response; `trickle`: send the body byte by byte, `seconds` apart
    - `delay`: wait `seconds` before the response; `revoke`: revoke all tokens before the request is authenticated
    - `pascal`, `no_paging`, `no_windows`, `no_last`, `no_total`: as with the `ServerOptions` of that name
    - `wrong_total`: a total of one too many; `foreign_next`: a next link to `location`; `loop_next`: to the same page
    - `same_page`: the records of the first page, with the links of the page that was asked for
    """

    kind: str
    collection: FaultPath | None = None
    times: int | None = 1
    skip: int = 0
    page: int | None = None
    status: int = 503
    retry_after: str | int | None = None
    seconds: float = 1.0
    text: str = ""
    location: str = "http://elsewhere.example/clients"

    def __post_init__(self) -> None:
        """Refuse a kind or a path that does not exist."""
        if self.kind not in RESPONSE_FAULTS + OPTION_FAULTS:
            raise UnknownNameError("fault", [self.kind], RESPONSE_FAULTS + OPTION_FAULTS)
        if self.collection is not None and self.collection not in get_args(FaultPath):
            raise UnknownNameError("collection", [self.collection], get_args(FaultPath))


class Faults:
    """The faults that are set, in order. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: list[Fault] = []

    def add(self, kind: str, collection: FaultPath | None = None, **details: object) -> Fault:
        """Set a fault for one path or, without `collection`, for all three collections. See `Fault`."""
        known = [field.name for field in fields(Fault)]
        unknown = sorted(details.keys() - set(known))
        if unknown:
            raise UnknownNameError("detail", unknown, known)
        fault = Fault(kind, collection, **details)  # type: ignore[arg-type]
        with self._lock:
            self._set.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._set.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that have not ended."""
        with self._lock:
            return list(self._set)

    def take(self, path: FaultPath, page: int | None = None) -> "ActiveFaults":
        """Return the faults that affect this request, and count the request for each of them."""
        active: list[Fault] = []
        with self._lock:
            for fault in [fault for fault in self._set if _is_at(fault, path, page)]:
                if fault.kind in RESPONSE_FAULTS and any(other.kind in RESPONSE_FAULTS for other in active):
                    continue
                if self._count(fault):
                    active.append(fault)
        return ActiveFaults(active)

    def _count(self, fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._set.remove(fault)
        return True


class ActiveFaults:
    """The faults that affect one request. Of two faults of the same kind, the later one counts."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._by_kind = {fault.kind: fault for fault in faults}

    def __contains__(self, kind: str) -> bool:
        return kind in self._by_kind

    def get(self, kind: str) -> Fault | None:
        """Return the fault of this kind."""
        return self._by_kind.get(kind)

    def replacing(self) -> Fault | None:
        """Return the fault that replaces the regular response."""
        return next((fault for kind, fault in self._by_kind.items() if kind in RESPONSE_FAULTS), None)


def _is_at(fault: Fault, path: FaultPath, page: int | None) -> bool:
    at_path = fault.collection == path or (fault.collection is None and path != "token")
    return at_path and (fault.page is None or fault.page == page)
