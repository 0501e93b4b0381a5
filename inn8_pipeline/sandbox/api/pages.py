"""Read the query of a request, and return the page that it asks for: body, links and total."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from inn8_pipeline.sandbox.errors import InvalidQueryError
from inn8_pipeline.sandbox.world.json_text import pascal_case
from inn8_pipeline.sandbox.world.record_file import Extent, RecordFile
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection, World

CACHE_BYTES = 4_000_000_000


@dataclass
class ServerOptions:
    """Options of the simulated server for what real servers do differently. They may be changed while it runs."""

    page_size: int = 1000
    max_page_size: int = 1000
    paging: bool = True
    windows: bool = True
    exclusive_windows: bool = False
    """Serve only the days between `fromDate` and `toDate`, without these two."""
    last_link: bool = True
    total_count: bool = True
    pascal: bool = False
    gzip_level: int = 1
    """0 turns compression off."""
    delay: float = 0.0
    """Seconds to wait before each response of a collection."""
    etags: bool = False
    """Send an ETag with each page, and answer 304 to `If-None-Match`, without the headers of the page."""
    last_modified: bool = False
    """Send a Last-Modified with each page, which is that of the whole world, and answer 304 to `If-Modified-Since`."""
    requests_per_minute: int = 0
    """Answer 429 to more requests of collections, and send RateLimit headers; 0: no limit."""
    total_off_by: int = 0
    """What is added to the announced total."""


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a request. `page` counts from 1; `others` are repeated in the links."""

    page: int
    page_size: int
    from_date: date | None
    to_date: date | None
    others: tuple[tuple[str, str], ...]
    offset: int | None = None

    @property
    def start(self) -> int:
        """The number of records before the page."""
        return (self.page - 1) * self.page_size if self.offset is None else self.offset

    @staticmethod
    def parse(given: Mapping[str, str], options: ServerOptions) -> "Query":
        """Return the query. A page size above the maximum is reduced to it."""
        size = min(read_natural(given, "pageSize", options.page_size), options.max_page_size)
        others = tuple((name, value) for name, value in given.items() if name != "page")
        return Query(
            read_natural(given, "page", 1), size, read_day(given, "fromDate"), read_day(given, "toDate"), others
        )

    def window(self, options: ServerOptions) -> tuple[date | None, date | None]:
        """Return the first and the last day that are served; None for no bound."""
        if not options.windows:
            return None, None
        margin = timedelta(days=1 if options.exclusive_windows else 0)
        return self.from_date and self.from_date + margin, self.to_date and self.to_date - margin


@dataclass(frozen=True, slots=True)
class ServedPage:
    """One page. `last` is the number of the last page: 1 if there are no records."""

    number: int
    last: int
    total: int
    body: bytes
    is_compressed: bool

    def links(self, base: str, query: Query, *, with_last: bool) -> str:
        """Return the `Link` header (RFC 8288) of this page; `base` is the address of the collection."""
        targets = {"first": 1, "next": self.number + 1, "prev": min(self.number - 1, self.last)}
        if self.number >= self.last:
            del targets["next"]
        if self.number == 1:
            del targets["prev"]
        if with_last:
            targets["last"] = self.last
        return ", ".join(f'<{_address(base, query, number)}>; rel="{rel}"' for rel, number in targets.items())


class PageCache:
    """Divide a world into pages, and keep each one in a temporary file, compressed, until the world changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._file = RecordFile()
        self._cached: dict[tuple[object, ...], Extent] = {}
        self._version = world.version
        self._bytes = 0

    def close(self) -> None:
        """Close the temporary file."""
        self._file.close()

    def page(self, collection: Collection, query: Query, options: ServerOptions, *, compress: bool) -> ServedPage:
        """Return the page that the query asks for."""
        window = query.window(options)
        days = self._world.days(collection, *window)
        total = self._world.count(collection, *window)
        if options.paging:
            start = min(query.start, total)
            stop = min(start + query.page_size, total)
        else:
            start, stop = 0, total
        level = options.gzip_level if compress else 0
        key = (collection, days[0] if days else None, days[-1] if days else None, start, stop, options.pascal, level)

        def render() -> bytes:
            plain = self._world.body(collection, days, start, stop)
            body = pascal_case(plain) if options.pascal else plain
            return gzip.compress(body, level, mtime=0) if level else body

        return ServedPage(query.page, max(1, -(-total // query.page_size)), total, self._body(key, render), level > 0)

    def warm(self, options: ServerOptions) -> None:
        """Render every page that a client requests when it reads everything."""
        for collection in COLLECTIONS:
            last = -(-self._world.count(collection) // options.page_size) if options.paging else 1
            for number in range(1, last + 1):
                self.page(collection, Query(number, options.page_size, None, None, ()), options, compress=True)

    def _body(self, key: tuple[object, ...], render: Callable[[], bytes]) -> bytes:
        if self._version != self._world.version or self._bytes > CACHE_BYTES:
            self._file.close()
            self._file, self._cached, self._bytes = RecordFile(), {}, 0
            self._version = self._world.version
        if key not in self._cached:
            body = render()
            self._cached[key] = self._file.write(body)
            self._bytes += len(body)
            return body
        return self._file.read(self._cached[key])


def read_natural(given: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number of 1 or more; InvalidQueryError for anything else."""
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise InvalidQueryError(name, "a whole number of 1 or more")
    return int(text)


def read_day(given: Mapping[str, str], name: str) -> date | None:
    """Return a day, or None if none is given; InvalidQueryError for anything else."""
    if name not in given:
        return None
    try:
        return date.fromisoformat(given[name])
    except ValueError:
        raise InvalidQueryError(name, "a day, YYYY-MM-DD") from None


def _address(base: str, query: Query, number: int) -> str:
    return f"{base}?{urlencode([*query.others, ('page', str(number))])}"
