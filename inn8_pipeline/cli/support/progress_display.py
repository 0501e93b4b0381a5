"""A progress display that Dagster does not capture, and that fits a terminal of 80 columns."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text


class _TimesColumn(ProgressColumn):
    """The time so far, and below it about how long the rest takes."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))
        self._elapsed = TimeElapsedColumn()
        self._left = TimeRemainingColumn()

    def render(self, task: Task) -> Text:
        """Return the two lines, or one if it is not known how much there is to do."""
        so_far = self._elapsed.render(task).append(" so far")
        return Text.assemble(so_far, "\nabout ", self._left.render(task), " left") if task.total else so_far


def columns() -> tuple[ProgressColumn, ...]:
    """Return the columns: what is done above how far it has come, a bar that takes the space that is left, and times.

    A task needs a field `note`.
    """
    what = TextColumn("{task.description}\n{task.fields[note]}", markup=False)
    return SpinnerColumn(), what, BarColumn(), _TimesColumn()


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a progress display on standard error, though Dagster captures the streams of a step."""
    with _own_stderr() as stream:
        drawn = Console(file=stream, highlight=False)
        with Progress(*columns(), console=drawn, disable=not drawn.is_terminal) as shown:
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
