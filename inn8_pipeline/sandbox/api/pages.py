"""Which records a request asks for, and the page that answers it: body, links, total. No HTTP but its query string."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from inn8_pipeline.sandbox.errors import BadQueryError
from inn8_pipeline.sandbox.world.spool import Slot, Spool
from inn8_pipeline.sandbox.world.text import pascal_case
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection, World

CACHE_BYTES = 4_000_000_000


@dataclass
class Habits:
    """How this server behaves; servers of this API differ in it. All may be changed while it runs."""

    page_size: int = 1000
    max_page_size: int = 1000
    paging: bool = True
    windows: bool = True
    last_link: bool = True
    total_count: bool = True
    pascal: bool = False
    gzip_level: int = 1
    """0: never compressed."""
    delay: float = 0.0
    """Seconds before each answer of a collection."""


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a request that matter here; `others` are kept in the links. `page` counts from 1."""

    page: int
    page_size: int
    from_date: date | None
    to_date: date | None
    others: tuple[tuple[str, str], ...]

    @staticmethod
    def read(given: Mapping[str, str], habits: Habits) -> "Query":
        """Read the query string; a size beyond the maximum is cut to it."""
        size = min(_natural(given, "pageSize", habits.page_size), habits.max_page_size)
        others = tuple((name, value) for name, value in given.items() if name != "page")
        return Query(_natural(given, "page", 1), size, _day(given, "fromDate"), _day(given, "toDate"), others)


@dataclass(frozen=True, slots=True)
class ServedPage:
    """One page as the world has it; `last` is the number of the last page, 1 where there is no record."""

    number: int
    last: int
    total: int
    body: bytes
    is_compressed: bool

    def links(self, base: str, query: Query, *, with_last: bool) -> str:
        """Return the `Link` header (RFC 8288) of this page at the address `base`."""
        targets = {"first": 1, "next": self.number + 1, "prev": min(self.number - 1, self.last)}
        if self.number >= self.last:
            del targets["next"]
        if self.number == 1:
            del targets["prev"]
        if with_last:
            targets["last"] = self.last
        return ", ".join(f'<{_address(base, query, number)}>; rel="{rel}"' for rel, number in targets.items())


class Pages:
    """Cuts the world into pages, and keeps each one rendered and compressed until the world changes."""

    def __init__(self, world: World) -> None:
        """Keep the pages in a temporary file."""
        self._world = world
        self._spool = Spool()
        self._kept: dict[tuple[object, ...], Slot] = {}
        self._version = world.version
        self._bytes = 0

    def close(self) -> None:
        """Give the temporary file back."""
        self._spool.close()

    def page(self, collection: Collection, query: Query, habits: Habits, *, compress: bool) -> ServedPage:
        """Return the page of the query, as `habits` have it."""
        window = (query.from_date, query.to_date) if habits.windows else (None, None)
        days = self._world.days(collection, *window)
        total = self._world.count(collection, *window)
        if habits.paging:
            start = min((query.page - 1) * query.page_size, total)
            stop = min(start + query.page_size, total)
        else:
            start, stop = 0, total
        level = habits.gzip_level if compress else 0
        key = (collection, days[0] if days else None, days[-1] if days else None, start, stop, habits.pascal, level)

        def render() -> bytes:
            plain = self._world.body(collection, days, start, stop)
            body = pascal_case(plain) if habits.pascal else plain
            return gzip.compress(body, level, mtime=0) if level else body

        return ServedPage(query.page, max(1, -(-total // query.page_size)), total, self._body(key, render), level > 0)

    def warm(self, habits: Habits) -> None:
        """Render every page as a reader of everything asks for it, compressed if this server compresses."""
        for collection in COLLECTIONS:
            last = -(-self._world.count(collection) // habits.page_size) if habits.paging else 1
            for number in range(1, last + 1):
                self.page(collection, Query(number, habits.page_size, None, None, ()), habits, compress=True)

    def _body(self, key: tuple[object, ...], render: Callable[[], bytes]) -> bytes:
        if self._version != self._world.version or self._bytes > CACHE_BYTES:
            self._spool.close()
            self._spool, self._kept, self._bytes = Spool(), {}, 0
            self._version = self._world.version
        if key not in self._kept:
            body = render()
            self._kept[key] = self._spool.write(body)
            self._bytes += len(body)
            return body
        return self._spool.read(self._kept[key])


def _natural(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise BadQueryError(name, "a whole number of 1 or more")
    return int(text)


def _day(given: Mapping[str, str], name: str) -> date | None:
    if name not in given:
        return None
    try:
        return date.fromisoformat(given[name])
    except ValueError:
        raise BadQueryError(name, "a day, YYYY-MM-DD") from None


def _address(base: str, query: Query, number: int) -> str:
    return f"{base}?{urlencode([*query.others, ('page', str(number))])}"
