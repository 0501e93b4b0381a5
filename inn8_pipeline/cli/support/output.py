"""Print JSON, CSV and messages.

Values of records cannot control the terminal: markup is not interpreted, and control characters are shown as escapes.
"""

import json
import logging
import re
import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from inn8_pipeline.cli.support.standard_streams import printable
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from rich import cells as rich_cells
    from rich import console as rich_console

    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync
else:
    rich_cells = lazy_module("rich.cells")
    rich_console = lazy_module("rich.console")

WIDTH = 160
"""The width of tables that go to no terminal."""
_WORD = re.compile(r"(?:`[^`\n]*`|\S)+")
"""A word, or a command in backticks, which is not divided: it is pasted into a shell."""


def silence() -> None:
    """Suppress warnings and log lines of libraries; warnings are kept if Python was started with options for them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("", "dagster"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def console(*, stderr: bool = False) -> "rich_console.Console":
    """Return a console for standard output or error; it is 160 columns wide if the stream is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return rich_console.Console(stderr=stderr, highlight=False, width=None if stream.isatty() else WIDTH)


def print_json(value: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Print one JSON document. If it has characters that could control the terminal or that it lacks, escape them."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if not _is_safe(text):
        text = json.dumps(value, indent=2, default=str)
    click.echo(text)


def print_text(text: str, *, on_stderr: bool = False, indent: int = 0) -> None:
    """Print a message with control characters as escapes; in a terminal, in lines that are no wider than it.

    `indent` is the number of blanks before all lines but the first. To a file or a pipe, the message is one line, so
    that a search finds it.
    """
    click.echo(fitted(printable(text), on_stderr=on_stderr, indent=indent), err=on_stderr)


def fitted(text: str, *, on_stderr: bool, indent: int = 0) -> str:
    """Return the text in lines that fit the terminal; as it is if the stream is no terminal."""
    if not (sys.stderr if on_stderr else sys.stdout).isatty():
        return text
    return f"\n{' ' * indent}".join(wrapped(text, console(stderr=on_stderr).width - indent))


def print_result(*, is_ok: bool, subject: str, message: str, is_note: bool = False) -> None:
    """Print the result of one check, marked as passed, as failed, or as a note: passed, but worth knowing."""
    name, colour = ("FAIL", "red") if not is_ok else ("note", "yellow") if is_note else ("ok  ", "green")
    text = fitted(printable(f"{subject}: {message}"), on_stderr=False, indent=len(name) + 1)
    click.echo(f"{click.style(name, fg=colour)} {text}")


def wrapped(text: str, width: int) -> list[str]:
    """Return the text in lines of at most this width; only a word or a command that is wider stays as it is."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in _WORD.findall(paragraph):
            if line and rich_cells.cell_len(f"{line} {word}") > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def print_json_lines(values: Iterable[Any]) -> None:
    """Print one JSON array with a value on each line, as the values come, without holding them all."""
    separator = "["
    for value in values:
        text = json.dumps(value, ensure_ascii=False, default=str)
        if not _is_safe(text):
            text = json.dumps(value, default=str)
        click.echo(f"{separator}\n  {text}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")


def print_csv(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print CSV as the rows come. A null is empty and every other value is quoted, so that an empty text is no null."""
    click.echo(",".join(names))
    is_terminal = sys.stdout.isatty()
    for row in rows:
        line = ",".join("" if value is None else '"{}"'.format(str(value).replace('"', '""')) for value in row)
        click.echo(printable(line) if is_terminal else line)


def folded(text: str, width: int) -> str:
    """Return the text in lines that are no wider than the terminal, with control characters as escapes."""
    return "\n".join(rich_cells.chop_cells(printable(text).replace("\n", "\\n"), width))


def _is_safe(text: str) -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.replace("\n", "").isprintable() and encoding.lower().startswith("utf")


def print_messages(syncs: Iterable["LoggedSync"], *, on_stderr: bool = True, failures_only: bool = False) -> None:
    """Print the messages of the syncs: why one failed, or what needs attention.

    Each is printed once for an entity, with the runs that have it and their starts in UTC, as the table has them.
    """
    logged = list(syncs)
    has_several = len({sync.tenant_id for sync in logged}) > 1
    alike: dict[tuple[str, str], list[LoggedSync]] = {}
    for sync in logged:
        message = sync.entry.error_message if failures_only else sync.entry.description
        if message:
            name = f"{sync.tenant_id}/{sync.entity}" if has_several else sync.entity
            alike.setdefault((name, message), []).append(sync)
    for (name, message), having in alike.items():
        print_text(f"{name} ({_runs(having)}): {message}", on_stderr=on_stderr, indent=2)


def _runs(syncs: "list[LoggedSync]") -> str:
    """Return the start and the run of a sync; of several, the first and the last start, and the last run."""
    known = sorted((sync.entry.started_at, sync.run_id) for sync in syncs if sync.entry.started_at)
    if not known:
        return f"run {syncs[0].run_id[:8]}"
    (first, _), (end, last) = known[0], known[-1]
    day = "" if first.date() == end.date() else "%m-%d "
    span = f"{first:%m-%d %H:%M}{f' to {end:{day}%H:%M}' if f'{first:%m%d%H%M}' != f'{end:%m%d%H%M}' else ''} UTC, "
    return f"{span}run {last[:8]}" if len(syncs) == 1 else f"{len(syncs)} runs, {span}the last is {last[:8]}"
