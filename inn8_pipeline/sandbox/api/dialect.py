"""Serve a collection in another dialect: paging, envelope, names, values, totals and windows that differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from inn8_pipeline.sandbox.api.notations import in_notation
from inn8_pipeline.sandbox.api.pages import Query, ServedPage, ServerOptions, read_day, read_natural
from inn8_pipeline.sandbox.world.json_text import parse, render

MAX_FIRST = 10**9


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one collection is served.

    Attributes:
        path: The path of the collection.
        records_pointer: The JSON pointer to the array of records; empty: the body is the array.
        style: link, page, offset, cursor, next_url or single.
        page_size_parameter: The query parameter of the page size.
        parameter: The query parameter of the page's number, offset or cursor.
        first_page: The number of the first page.
        next: The JSON pointer to the cursor or the URL of the next page.
        leaves_next_out: Whether the last page has nothing at `next`; else null is there.
        more: The JSON pointer to a boolean that says whether more pages follow; empty: it is not sent.
        conditional: The validator that is sent with each page: etag, last-modified or no.
        total_unit: What the total counts: records, pages or none.
        total_header: The header of the total; it is not sent where `total_pointer` is given.
        total_pointer: The JSON pointer to the total.
        window_parameters: The query parameters of the first and the last day.
        exclusive_days: Whether those two days are left out.
        names: The name of each property that has another one, by its path.
        values: What is sent for each choice of a property, by its path.
        notations: The notation and the time zone of each date or decimal that has another one, by its path.

    """

    path: str
    records_pointer: str = ""
    style: str = "link"
    page_size_parameter: str = "pageSize"
    parameter: str = "page"
    first_page: int = 1
    next: str = "/next"
    leaves_next_out: bool = False
    more: str = ""
    conditional: str = "no"
    total_unit: str = "records"
    total_header: str = "X-Total-Count"
    total_pointer: str = ""
    window_parameters: tuple[str, str] = ("fromDate", "toDate")
    exclusive_days: tuple[bool, bool] = (False, False)
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notations: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def query(self, given: Mapping[str, str], options: ServerOptions) -> Query:
        """Return the query of a request. Its page size defaults to that of the options."""
        size = min(read_natural(given, self.page_size_parameter, options.page_size), options.max_page_size)
        first, last = (read_day(given, name) for name in self.window_parameters)
        others = tuple((name, value) for name, value in given.items() if name != self.parameter)
        from_date = _shifted(first, 1 if self.exclusive_days[0] else 0)
        to_date = _shifted(last, -1 if self.exclusive_days[1] else 0)
        start = self._start(given.get(self.parameter, ""), size)
        size = MAX_FIRST if self.style == "single" else size
        return Query(1 + start // size, size, from_date, to_date, others, offset=start)

    def _start(self, text: str, size: int) -> int:
        if self.style == "single" or not text:
            return 0
        number = read_natural({"first": str(int(text.removeprefix("c")) + 1)}, "first", 1) - 1
        if self.style == "page":
            return max(number - self.first_page, 0) * size
        return (number - 1) * size if self.style == "link" else number

    def rendered(self, page: ServedPage, query: Query, base: str, total: int | None) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of a page in this dialect.

        Args:
            page: The page as the built-in contract has it.
            query: The query that asked for it.
            base: The address of the collection.
            total: The total to announce; None for none.

        """
        records = [self._record(each) for each in parse(page.body)]
        body: Any = {} if self.records_pointer else records
        if self.records_pointer:
            _put(body, self.records_pointer, records)
        headers: dict[str, str] = {}
        if self.style == "link":
            headers["link"] = page.links(base, query, with_last=True)
        stop = query.start + len(records)
        if self.style in {"cursor", "next_url"}:
            self._name_next(body, f"c{stop}" if stop < page.total else None, base)
        if total is not None and self.total_pointer:
            _put(body, self.total_pointer, total)
        elif total is not None:
            headers[self.total_header.lower()] = str(total)
        return render(body).encode(), headers

    def _name_next(self, body: dict[str, Any], cursor: str | None, base: str) -> None:
        if cursor is not None or not self.leaves_next_out:
            following = cursor if self.style == "cursor" or cursor is None else f"{base}?{self.parameter}={cursor}"
            _put(body, self.next, following)
        if self.more:
            _put(body, self.more, value=cursor is not None)

    def _record(self, record: object, path: str = "") -> object:
        if not isinstance(record, dict):
            return record
        return {self.names.get(path + name, name): self._value(value, path + name) for name, value in record.items()}

    def _value(self, value: object, path: str) -> object:
        if path in self.notations:
            return in_notation(value, *self.notations[path])
        if isinstance(value, str) and path in self.values:
            return self.values[path].get(value.lower(), value)
        return self._record(value, f"{path}.")


def _put(body: dict[str, Any], pointer: str, value: object) -> None:
    *parents, name = pointer.split("/")[1:]
    for parent in parents:
        body = body.setdefault(parent, {})
    body[name] = value


def _shifted(day: date | None, days: int) -> date | None:
    return day and day + timedelta(days=days)
