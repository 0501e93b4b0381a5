"""What can go wrong on purpose: which fault, where, for how many requests. How it looks is told in `answers`."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from inn8_pipeline.sandbox.errors import UnknownNameError

ANSWERS: Final = (
    "status", "html", "object", "body", "redirect", "cut_length", "cut_chunked", "drop", "trickle",
)  # fmt: skip
"""They take the place of the sound answer, so a request meets one of them at most."""
SHAPES: Final = (
    "delay", "revoke", "pascal", "no_paging", "no_windows", "no_last", "no_total", "wrong_total", "foreign_next",
    "loop_next",
)  # fmt: skip
"""They change the sound answer, and may come together."""
Path = Literal["clients", "portfolios", "transactions", "token"]


@dataclass
class Fault:
    """One fault. `times` requests meet it (None: all), after `skip` that do not.

    - `status`: answer `status` (503 by default); with `retry_after`, whole seconds or a date, that header
    - `html`, `object`: 200 with a web page; 200 with `{"error": …, "message": …}`; `body`: with `text` verbatim
    - `redirect`: 302 to `location`
    - `cut_length`: half of the body under its full Content-Length; `cut_chunked`: half of it in chunks, with no end
    - `drop`: the connection is closed without an answer; `trickle`: the body comes byte by byte, `seconds` apart
    - `delay`: the answer waits `seconds`; `revoke`: all tokens so far are revoked before the request is looked at
    - `pascal`, `no_paging`, `no_windows`, `no_last`, `no_total`: as servers of this API are known to differ
    - `wrong_total`: one more than there are; `foreign_next`: the next link leads to `location`; `loop_next`: to itself
    """

    kind: str
    collection: Path | None = None
    times: int | None = 1
    skip: int = 0
    page: int | None = None
    status: int = 503
    retry_after: str | int | None = None
    seconds: float = 1.0
    text: str = ""
    location: str = "http://elsewhere.example/clients"

    def __post_init__(self) -> None:
        """Refuse what would never happen."""
        if self.kind not in ANSWERS + SHAPES:
            raise UnknownNameError("fault", [self.kind], ANSWERS + SHAPES)
        if self.collection is not None and self.collection not in get_args(Path):
            raise UnknownNameError("collection", [self.collection], get_args(Path))


class Faults:
    """The faults that are set, in the order of their setting. Safe for threads."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = threading.Lock()
        self._set: list[Fault] = []

    def add(self, kind: str, collection: Path | None = None, **details: object) -> Fault:
        """Set a fault for one path or, without `collection`, for each of the three collections; see `Fault`."""
        known = [field.name for field in fields(Fault)]
        unknown = sorted(details.keys() - set(known))
        if unknown:
            raise UnknownNameError("detail", unknown, known)
        fault = Fault(kind, collection, **details)  # type: ignore[arg-type]
        with self._lock:
            self._set.append(fault)
        return fault

    def clear(self) -> None:
        """Let all be well again."""
        with self._lock:
            self._set.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that some request will still meet."""
        with self._lock:
            return list(self._set)

    def take(self, path: Path, page: int | None = None) -> "Met":
        """Return what this request meets, and count it: at most one fault that answers, and any that shape."""
        met: list[Fault] = []
        with self._lock:
            for fault in [fault for fault in self._set if _is_at(fault, path, page)]:
                if fault.kind in ANSWERS and any(other.kind in ANSWERS for other in met):
                    continue
                if self._count(fault):
                    met.append(fault)
        return Met(met)

    def _count(self, fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._set.remove(fault)
        return True


class Met:
    """The faults that one request met."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Sort them by kind; of two of a kind the later one counts."""
        self._by_kind = {fault.kind: fault for fault in faults}

    def __contains__(self, kind: str) -> bool:
        return kind in self._by_kind

    def get(self, kind: str) -> Fault | None:
        """Return the fault of this kind."""
        return self._by_kind.get(kind)

    def answer(self) -> Fault | None:
        """Return the fault that takes the place of the sound answer."""
        return next((fault for kind, fault in self._by_kind.items() if kind in ANSWERS), None)


def _is_at(fault: Fault, path: Path, page: int | None) -> bool:
    at_path = fault.collection == path or (fault.collection is None and path != "token")
    return at_path and (fault.page is None or fault.page == page)
