"""Print what syncs have changed, or what dry runs would change. The output is personal data."""

import dataclasses
import json
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Self

import click

from inn8_pipeline.cli.support.output import console, folded
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from inn8_pipeline.warehouse.history import diff
    from inn8_pipeline.warehouse.history.diff import ValueChange
    from inn8_pipeline.warehouse.landing.store import Landing
else:
    diff = lazy_module("inn8_pipeline.warehouse.history.diff")

_ROW = attrgetter("tenant_id", "table_name", "external_id", "changed_at")


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
        for change in diff.read(connection, landing.entity, wanted):
            self._file.write(f"{json.dumps(dataclasses.astuple(change), default=datetime.isoformat)}\n")
        self._parts[run_id, landing.id] = (begin, self._file.tell())

    def changes(self, run_id: str) -> "Iterator[ValueChange]":
        """Yield what a run would change, in the order in which it would."""
        for (read_by, _), (begin, end) in self._parts.items():
            if read_by == run_id:
                self._file.seek(begin)
                while self._file.tell() < end:
                    values = json.loads(self._file.readline())
                    values[3] = datetime.fromisoformat(values[3])
                    yield diff.ValueChange(*values)


def print_changes(changes: "Iterable[ValueChange]", *, has_several: bool, has_happened: bool = True) -> None:
    """Print a line for each changed row, below it a line for each old and new value, and at last the number of rows."""
    width, rows = console().width, 0
    for _, of_row in groupby(changes, _ROW):
        for number, change in enumerate(of_row):
            if number == 0:
                rows += 1
                when = _when(change) if has_happened else ""
                tenant = f"{change.tenant_id}/" if has_several else ""
                title = f"{tenant}{change.table_name} {change.external_id}: {change.reason}{when}"
                click.echo(folded(title, width))
            if change.column_name is not None:
                for sign, value in (("-", change.old), ("+", change.new)):
                    click.echo(folded(f"  {sign} {change.column_name}: {'null' if value is None else value!r}", width))
    click.echo(_summary(rows, has_happened=has_happened))


def _summary(rows: int, *, has_happened: bool) -> str:
    if not rows:
        return "No row was changed." if has_happened else "No row would change."
    return f"{rows:,} {'row' if rows == 1 else 'rows'} {'changed' if has_happened else 'would change'}."


def _when(change: "ValueChange") -> str:
    run = f", run {change.run_id[:8]}" if change.run_id else ""
    return f" {change.changed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}{run}"
