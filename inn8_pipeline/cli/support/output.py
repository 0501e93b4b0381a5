"""Print tables, JSON, messages and a progress display that Dagster does not capture.

Values of records cannot control the terminal: markup is not interpreted, and control characters are shown as escapes.
"""

import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from inn8_pipeline.cli.support.standard_streams import printable
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

COLOURS = {
    Status.SUCCESS: "green",
    Status.PARTIAL_SUCCESS: "yellow",
    Status.NO_DATA: "cyan",
    Status.FAILED: "red",
    Status.IN_PROGRESS: "blue",
}
_WIDTH = 160


def silence() -> None:
    """Suppress warnings and log lines of libraries; warnings are kept if Python was started with options for them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("", "dagster"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or error; it is 160 columns wide if the stream is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _WIDTH)


def print_json(value: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Print one JSON document. If it has characters that could control the terminal or that it lacks, escape them."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if not _is_safe(text):
        text = json.dumps(value, indent=2, default=str)
    click.echo(text)


def _is_safe(text: str) -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.replace("\n", "").isprintable() and encoding.lower().startswith("utf")


def log_table(syncs: Iterable["LoggedSync"], title: str | None = None, *, width: int = _WIDTH) -> Table:
    """Return the sync log, one line per run; with the tenant beside the entity where there are several.

    Missing and removed rows are on the lines below the status. A console of 80 columns shows no year, no unchanged
    records, and the days below the entity.
    """
    logged = list(syncs)
    has_several = len({sync.tenant_id for sync in logged}) > 1
    is_narrow = width < _WIDE
    names = _NARROW if is_narrow else _ALL
    if not any(sync.window for sync in logged):
        names = [name for name in names if name != "Days"]
    table = _table(title, names, numbers=_NUMBERS)
    if is_narrow:
        table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
    for sync in logged:
        cells = _log_cells(sync, has_tenant=has_several, is_narrow=is_narrow)
        table.add_row(*(cells[name] for name in names))
    return table


_WIDE = 155
_ALL = [
    *("Started (UTC)", "Entity", "Days", "Status", "Records", "Inserted", "Updated", "Unchanged", "Rejected"),
    *("s", "Run"),
]
_NARROW = ["Started", "Entity", "Status", "Records", "New", "Upd.", "Rej.", "s", "Run"]
_NUMBERS = frozenset(_ALL[4:10]) | frozenset(_NARROW[3:8])


def _log_cells(sync: "LoggedSync", *, has_tenant: bool, is_narrow: bool) -> dict[str, str]:
    """Return the cells of a line by the names of their columns."""
    entry, window = sync.entry, sync.window
    counts = entry.counts.as_dict() if entry.counts else {}
    name = escape(f"{sync.tenant_id}/{sync.entity}" if has_tenant else sync.entity)
    removals = [f"{entry.totals[each]} {each}" for each in ("missing", "removed") if entry.totals.get(each)]
    inserted, updated, rejected = (_number(counts.get(each)) for each in ("inserted", "updated", "rejected"))
    return {
        "Started (UTC)": _when(entry.started_at),
        "Started": f"{entry.started_at:%m-%d %H:%M}" if entry.started_at else "",
        "Entity": f"{name}\n{window.from_date:%m-%d}..{window.to_date:%m-%d}" if window and is_narrow else name,
        "Days": f"{window.from_date} to {window.to_date}" if window else "",
        "Status": "\n".join([_status(entry.status), *removals]),
        "Records": _number(entry.record_count),
        **dict.fromkeys(("Inserted", "New"), inserted),
        **dict.fromkeys(("Updated", "Upd."), updated),
        "Unchanged": _number(counts.get("unchanged")),
        **dict.fromkeys(("Rejected", "Rej."), rejected or _number(entry.error_count)),
        "s": f"{entry.seconds:.0f}"
        if entry.ended_at and is_narrow
        else f"{entry.seconds:.1f}"
        if entry.ended_at
        else "",
        "Run": sync.run_id[:8],
    }


def rows_table(rows: Iterable[Mapping[Any, Any]], columns: Sequence[str], title: str | None = None) -> Table:
    """Return a table of the rows with these columns."""
    table = _table(title, columns)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    return table


def print_messages(syncs: Iterable["LoggedSync"], *, on_stderr: bool = True, failures_only: bool = False) -> None:
    """Print the message of each sync that has one: why it failed, or what needs attention."""
    logged = list(syncs)
    has_several = len({sync.tenant_id for sync in logged}) > 1
    for sync in logged:
        message = sync.entry.error_message if failures_only else sync.entry.description
        if message:
            name = f"{sync.tenant_id}/{sync.entity}" if has_several else sync.entity
            click.echo(printable(f"{name}: {message}"), err=on_stderr)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a progress display on standard error, though Dagster captures the streams of a step."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with _own_stderr() as stream:
        drawn = Console(file=stream, highlight=False)
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        with Progress(*columns, *times, console=drawn, disable=not drawn.is_terminal) as shown:
            yield shown


@contextmanager
def _own_stderr() -> Iterator[TextIO]:
    """Yield a duplicate of standard error, or standard error itself if it has no file descriptor."""
    try:
        number = os.dup(sys.stderr.fileno())
    except (OSError, io.UnsupportedOperation):
        yield sys.stderr
        return
    with os.fdopen(number, "w", encoding=sys.stderr.encoding, errors="backslashreplace") as stream:
        yield stream


def _table(title: str | None, columns: Sequence[str], numbers: Iterable[str] = ()) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table


def _status(status: Status) -> str:
    return f"[{COLOURS[status]}]{status}[/]"


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant else ""


def _cell(value: Any) -> str:  # noqa: ANN401 (whatever a column holds)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _when(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    return escape(printable(str(value)).replace("\n", "\\n"))
