"""Print JSON, messages and a progress display that Dagster does not capture.

Values of records cannot control the terminal: markup is not interpreted, and control characters are shown as escapes.
"""

import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from inn8_pipeline.cli.support.standard_streams import printable

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

WIDTH = 160
"""The width of output that goes to no terminal."""


def silence() -> None:
    """Suppress warnings and log lines of libraries; warnings are kept if Python was started with options for them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("", "dagster"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or error; it is 160 columns wide if the stream is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else WIDTH)


def print_json(value: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Print one JSON document. If it has characters that could control the terminal or that it lacks, escape them."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if not _is_safe(text):
        text = json.dumps(value, indent=2, default=str)
    click.echo(text)


def _is_safe(text: str) -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.replace("\n", "").isprintable() and encoding.lower().startswith("utf")


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
        times = (TimeElapsedColumn(), TextColumn("so far, about"), TimeRemainingColumn(), TextColumn("left"))
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
