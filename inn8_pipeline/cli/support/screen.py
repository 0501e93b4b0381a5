"""What is printed: tables of the log, of rows, of rejects; and a progress display that Dagster does not capture.

Rich is imported when something is printed. Values are shown as they are: markup in them is not read.
"""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

import click

from inn8_pipeline.warehouse.merge.results import Counts, Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from inn8_pipeline.cli.support.history import LoggedSync

COLOURS = {
    Status.SUCCESS: "green",
    Status.PARTIAL_SUCCESS: "yellow",
    Status.NO_DATA: "cyan",
    Status.FAILED: "red",
    Status.IN_PROGRESS: "blue",
}
_WIDTH = 160


def console(*, stderr: bool = False) -> "Console":
    """A console on this process's output; wide where no terminal sets its width."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _WIDTH)


def print_json(value: Any) -> None:  # noqa: ANN401 (whatever is to be told)
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def log_table(syncs: Iterable["LoggedSync"], title: str | None = None) -> "Table":
    """The sync log: a line per run; an entity is told with its tenant where there are several."""
    logged = list(syncs)
    has_several = len({sync.tenant_id for sync in logged}) > 1
    columns = (
        "Started (UTC)",
        "Entity",
        "Status",
        "Records",
        "Inserted",
        "Updated",
        "Unchanged",
        "Rejected",
        "s",
        "Run",
    )
    table = _table(title, columns, numbers={"Records", "Inserted", "Updated", "Unchanged", "Rejected", "s"})
    for sync in logged:
        entry = sync.entry
        table.add_row(
            _when(entry.started_at),
            f"{sync.tenant_id}/{sync.entity}" if has_several else sync.entity,
            _status(entry.status),
            _number(entry.record_count),
            *_changes(entry.counts),
            _number(entry.error_count),
            f"{entry.seconds:.1f}" if entry.ended_at else "",
            sync.run_id[:8],
        )
    return table


def rows_table(rows: Iterable[Mapping[Any, Any]], columns: Sequence[str], title: str | None = None) -> "Table":
    """Rows of a table or a query, these columns of them."""
    table = _table(title, columns)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    return table


def print_messages(syncs: Iterable["LoggedSync"]) -> None:
    """The reasons of what failed, on standard error."""
    for sync in syncs:
        if sync.entry.error_message:
            click.echo(f"{sync.entity}: {sync.entry.error_message}", err=True)


@contextmanager
def progress() -> Iterator["Progress"]:
    """A progress display on standard error, drawn past Dagster, which captures the streams of a step."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with _own_stderr() as stream:
        drawn = Console(file=stream, highlight=False)
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        with Progress(*columns, *times, console=drawn, disable=not drawn.is_terminal) as shown:
            yield shown


@contextmanager
def _own_stderr() -> Iterator[TextIO]:
    """A second way to where standard error leads now; standard error itself where it is no file."""
    try:
        number = os.dup(sys.stderr.fileno())
    except (OSError, io.UnsupportedOperation):
        yield sys.stderr
        return
    with os.fdopen(number, "w", encoding=sys.stderr.encoding, errors="replace") as stream:
        yield stream


def _table(title: str | None, columns: Sequence[str], numbers: Iterable[str] = ()) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table


def _changes(counts: Counts | None) -> tuple[str, str, str]:
    return (_number(counts.inserted), _number(counts.updated), _number(counts.unchanged)) if counts else ("", "", "")


def _status(status: Status) -> str:
    return f"[{COLOURS[status]}]{status}[/]"


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant else ""


def _cell(value: Any) -> str:  # noqa: ANN401 (whatever a column holds)
    from rich.markup import escape

    if value is None:
        return ""
    if isinstance(value, datetime):
        return _when(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    return escape(str(value))
