"""Print what syncs have changed, or what dry runs would change. The output is personal data."""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Self, TextIO

import click

from inn8_pipeline.cli.support.output import console, folded, print_text
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from inn8_pipeline.warehouse.history import diff
    from inn8_pipeline.warehouse.history.diff import ValueChange
    from inn8_pipeline.warehouse.landing.store import Landing
else:
    diff = lazy_module("inn8_pipeline.warehouse.history.diff")

_ROW = attrgetter("tenant_id", "table_name", "external_id", "changed_at")


@dataclass(frozen=True, slots=True)
class Listing:
    """Which of the changed rows to list below their counts.

    Attributes:
        limit: The largest number of rows of each table and tenant; 0 for all.
        with_inserted: Whether to list the rows that were inserted, of which only the ids are known.
        more: What lists the others, for the message below the rows.
        inserted: What lists the rows that were inserted.

    """

    limit: int = 20
    with_inserted: bool = False
    more: str = "`--limit 0` lists all"
    inserted: str = "`--inserted` lists them"


class Preview:
    """What dry runs would change, in an unnamed temporary file until it is printed, because it may be large."""

    def __init__(self) -> None:
        """Open the file; only its owner can read it, and it has no name."""
        self._file = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed by `__exit__`)
        self._parts: dict[tuple[str, int], tuple[int, int]] = {}

    def __enter__(self) -> Self:
        """Return the preview."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the file."""
        self._file.close()

    def read(self, connection: "Connection", landing: "Landing", run_id: str) -> None:
        """Add the uncommitted changes of a merge. If a step is retried, they replace those of its earlier attempt."""
        wanted = diff.DiffFilter([landing.tenant_id], [run_id], since=landing.started_at, is_uncommitted=True)
        begin = self._file.seek(0, 2)
        _write(self._file, diff.read(connection, landing.entity, wanted))
        self._parts[run_id, landing.id] = (begin, self._file.tell())

    def changes(self, run_id: str) -> "Iterator[ValueChange]":
        """Yield what a run would change, in the order in which it would."""
        for (read_by, _), (begin, end) in self._parts.items():
            if read_by == run_id:
                yield from _read(self._file, begin, end)


def _write(file: TextIO, changes: "Iterable[ValueChange]") -> None:
    file.writelines(f"{json.dumps(dataclasses.astuple(change), default=datetime.isoformat)}\n" for change in changes)


def _read(file: TextIO, begin: int, end: int) -> "Iterator[ValueChange]":
    file.seek(begin)
    while file.tell() < end:
        values = json.loads(file.readline())
        values[3] = datetime.fromisoformat(values[3])
        yield diff.ValueChange(*values)


def print_changes(
    changes: "Iterable[ValueChange]", listing: Listing, *, has_several: bool, has_happened: bool = True
) -> None:
    """Print the number of rows that changed in each table, then the rows with their old and new values, up to a limit.

    The changes are read once; those to list are in an unnamed temporary file meanwhile, because they may be many.
    """
    counts: dict[str, Counter[str]] = {}
    with TemporaryFile("w+", encoding="utf-8") as listed:
        for _, of_row in groupby(changes, _ROW):
            row = list(of_row)
            reasons = counts.setdefault(_table(row[0], has_several=has_several), Counter())
            reasons[row[0].reason] += 1
            number = _listable(reasons, listing)
            is_listable = listing.with_inserted or row[0].reason != diff.INSERTED
            if is_listable and (number <= listing.limit or not listing.limit):
                _write(listed, row)
        for table, reasons in counts.items():
            shown = ", ".join(f"{count:,} {reason}" for reason, count in _in_order(reasons))
            click.echo(folded(f"{table}: {shown}", console().width))
        _print_rows(_read(listed, 0, listed.tell()), has_several=has_several, has_happened=has_happened)
    for table, reasons in counts.items():
        rest = _listable(reasons, listing) - listing.limit
        if listing.limit and rest > 0:
            print_text(f"… and {rest:,} more {_rows(rest)} of {table}: {listing.more}.")
    inserted = sum(reasons[diff.INSERTED] for reasons in counts.values())
    if inserted and not listing.with_inserted:
        print_text(f"{inserted:,} inserted {_rows(inserted)} {_are(inserted)} not listed: {listing.inserted}.")
    click.echo(_summary(sum(reasons.total() for reasons in counts.values()), has_happened=has_happened))


def _listable(reasons: "Counter[str]", listing: Listing) -> int:
    return reasons.total() - (0 if listing.with_inserted else reasons[diff.INSERTED])


def _in_order(reasons: "Counter[str]") -> list[tuple[str, int]]:
    """Return the counts as a sync makes them: first what was inserted, then what was updated."""
    order = (diff.INSERTED, diff.UPDATED)
    return sorted(reasons.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order))


def _print_rows(changes: "Iterable[ValueChange]", *, has_several: bool, has_happened: bool) -> None:
    """Print a line for each changed row, and below it a line for each old and new value."""
    width = console().width
    for _, of_row in groupby(changes, _ROW):
        for number, change in enumerate(of_row):
            if number == 0:
                when = _when(change) if has_happened else ""
                table = _table(change, has_several=has_several)
                click.echo(folded(f"{table} {change.external_id}: {change.reason}{when}", width))
            if change.column_name is not None:
                for sign, value in (("-", change.old), ("+", change.new)):
                    click.echo(folded(f"  {sign} {change.column_name}: {'null' if value is None else value!r}", width))


def _table(change: "ValueChange", *, has_several: bool) -> str:
    return f"{change.tenant_id}/{change.table_name}" if has_several else change.table_name


def _summary(rows: int, *, has_happened: bool) -> str:
    if not rows:
        return "No row was changed." if has_happened else "No row would change."
    return f"{rows:,} {_rows(rows)} {'changed' if has_happened else 'would change'}."


def _rows(number: int) -> str:
    return "row" if number == 1 else "rows"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _when(change: "ValueChange") -> str:
    run = f", run {change.run_id[:8]}" if change.run_id else ""
    return f" {moment(change.changed_at, has_seconds=True)}{run}"
