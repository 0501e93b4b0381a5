"""Lay out tables for the terminal, so that no line is wider than it.

Values of records cannot control the terminal: markup is not interpreted, and control characters are shown as escapes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from inn8_pipeline.cli.support.output import WIDTH
from inn8_pipeline.cli.support.standard_streams import printable
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import moment
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from rich import box, cells, markup
    from rich import table as rich_table

    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync
else:
    box = lazy_module("rich.box")
    cells = lazy_module("rich.cells")
    markup = lazy_module("rich.markup")
    rich_table = lazy_module("rich.table")

COLOURS = {
    Status.SUCCESS: "green",
    Status.PARTIAL_SUCCESS: "yellow",
    Status.NO_DATA: "cyan",
    Status.FAILED: "red",
    Status.IN_PROGRESS: "blue",
}


def log_table(syncs: Iterable["LoggedSync"], title: str | None = None, *, width: int = WIDTH) -> "rich_table.Table":
    """Return the sync log as a table with one line per run, and with the tenants if there are several.

    Retried rejects, missing and removed rows are on the lines below the status; a retried reject is not one of the
    records. On a console of 80 columns the year, the unchanged records and what started a sync are left out, the days
    are below the entity, and skipped records below the status.
    The columns of days, of skipped records and of what started a sync are there only if a line has some.
    """
    logged = list(syncs)
    has_several = len({sync.tenant_id for sync in logged}) > 1
    is_narrow = width < _WIDE
    names = _NARROW if is_narrow else _ALL
    lines = [_log_cells(sync, has_tenant=has_several, is_narrow=is_narrow) for sync in logged]
    names = [name for name in names if name not in _OCCASIONAL or any(line[name] for line in lines)]
    table = _table(title, names, numbers=_NUMBERS)
    table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
    for line in lines:
        table.add_row(*(line[name] for name in names))
    return table


def zone_note(at: datetime) -> str:
    """Return how to read the times of the table, which are in UTC; empty if the terminal's zone has the same ones."""
    local = at.astimezone()
    if not local.utcoffset():
        return ""
    return f"Times are in UTC: {at.astimezone(UTC):%H:%M} UTC is {local:%H:%M} {local.tzname()} in this terminal."


_WIDE = 155
_ALL = [
    *("Started (UTC)", "Entity", "Days", "Trigger", "Status"),
    *("Records", "Inserted", "Updated", "Unchanged", "Skipped", "Rejected", "s", "Run"),
]
_NARROW = ["Started", "Entity", "Status", "Records", "New", "Upd.", "Rej.", "s", "Run"]
_NUMBERS = frozenset(_ALL[5:12]) | frozenset(_NARROW[3:8])
_OCCASIONAL = frozenset({"Days", "Trigger", "Skipped"})


def _log_cells(sync: "LoggedSync", *, has_tenant: bool, is_narrow: bool) -> dict[str, str]:
    """Return the cells of a line by the names of their columns."""
    entry, window = sync.entry, sync.window
    counts = entry.counts.as_dict() if entry.counts else {}
    name = markup.escape(f"{sync.tenant_id}/{sync.entity}" if has_tenant else sync.entity)
    skipped = _number(counts.get("skipped") or None)
    retried = counts.get("retried") or 0
    marks = [f"{skipped} skipped"] if skipped and is_narrow else []
    marks += [f"{retried:,} retried"] if retried else []
    marks += [f"{entry.totals[each]} {each}" for each in ("missing", "removed") if entry.totals.get(each)]
    inserted, updated, rejected = (_number(counts.get(each)) for each in ("inserted", "updated", "rejected"))
    return {
        "Started (UTC)": _when(entry.started_at),
        "Started": f"{entry.started_at:%m-%d %H:%M}" if entry.started_at else "",
        "Entity": f"{name}\n{window.from_date:%m-%d}..{window.to_date:%m-%d}" if window and is_narrow else name,
        "Days": f"{window.from_date} to {window.to_date}" if window else "",
        "Trigger": sync.trigger or "",
        "Status": "\n".join([_status(entry.status), *marks]),
        "Records": _number(entry.record_count),
        **dict.fromkeys(("Inserted", "New"), inserted),
        **dict.fromkeys(("Updated", "Upd."), updated),
        "Unchanged": _number(counts.get("unchanged")),
        "Skipped": skipped,
        **dict.fromkeys(("Rejected", "Rej."), rejected or _number(entry.error_count)),
        "s": f"{entry.seconds:.0f}"
        if entry.ended_at and is_narrow
        else f"{entry.seconds:.1f}"
        if entry.ended_at
        else "",
        "Run": sync.run_id[:8],
    }


def rows_table(
    rows: Iterable[Mapping[Any, Any]],
    columns: Sequence[str],
    title: str | None = None,
    *,
    width: int = WIDTH,
    expendable: Sequence[str] = (),
) -> "rich_table.Table":
    """Return a table of the rows with these columns. If it has times, a line below it says how to read them.

    Args:
        rows: The rows; each has a value for every column.
        columns: The columns, in their order.
        title: The title above the table.
        width: The width of the terminal.
        expendable: Columns to leave out, the first one first, until the table fits the terminal. A line below the table
            names those that were left out.

    """
    listed = list(rows)
    shown = list(columns)
    left_out = []
    for name in expendable:
        if fits(listed, shown, width):
            break
        if name in shown:
            shown.remove(name)
            left_out.append(name)
    table = _table(title, shown)
    for row in listed:
        table.add_row(*(_cell(row[name]) for name in shown))
    instants = [row[name] for row in listed for name in shown if isinstance(row[name], datetime)]
    notes = [zone_note(instants[0])] if instants else []
    if left_out:
        notes.append(f"Not shown, because the terminal is narrow: {', '.join(left_out)}.")
    table.caption, table.caption_justify = "\n".join(filter(None, notes)) or None, "left"
    return table


def row_table(row: Mapping[Any, Any], title: str | None = None) -> "rich_table.Table":
    """Return a table of one row with a line for each column that has a value.

    Times are in the zone of the terminal, with UTC beside it.
    """
    lines = [
        {"Column": name, "Value": moment(value, has_seconds=True) if isinstance(value, datetime) else value}
        for name, value in row.items()
        if value is not None
    ]
    return rows_table(lines, ("Column", "Value"), title)


def fits(rows: Iterable[Mapping[Any, Any]], columns: Sequence[str], width: int) -> bool:
    """Return whether a table of these columns fits the width. A long text in the last column may be folded."""
    listed = list(rows)
    widths = [max([cells.cell_len(name), *(cells.cell_len(_cell(row[name])) for row in listed)]) for name in columns]
    if widths:
        widths[-1] = min(widths[-1], max(_FOLDED, cells.cell_len(columns[-1])))
    return sum(widths) + _SPACES * len(widths) + 1 <= width


_FOLDED = 30
"""The width to which the last column may be folded."""
_SPACES = 3
"""The spaces around a column."""


def _table(title: str | None, columns: Sequence[str], numbers: Iterable[str] = ()) -> "rich_table.Table":
    table = rich_table.Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
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
    return markup.escape(printable(str(value)).replace("\n", "\\n"))
