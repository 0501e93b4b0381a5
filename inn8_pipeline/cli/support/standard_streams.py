"""Make the standard streams safe before a command starts: closed, full, or with an encoding that lacks characters.

A command must do the same whether or not its messages can be written, so writing to them never raises OSError.
"""

import io
import os
import sys
import warnings
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

_INPUT, _OUTPUT, _ERRORS = 0, 1, 2


class Descriptor(io.FileIO):
    """A file descriptor that stores the first write error instead of raising it."""

    error: OSError | None = None

    def write(self, data: "Buffer", /) -> int:
        """Write like `FileIO.write`; after an error, return as if everything was written."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes


def prepare() -> Descriptor | None:
    """Replace standard output and standard error; return the descriptor of standard output.

    Return None if a test has replaced standard output. Closed descriptors are opened on /dev/null: otherwise the next
    file or socket would get their number, and Dagster, which captures the streams of a step, would write to it.
    """
    for number in (_INPUT, _OUTPUT, _ERRORS):
        _open_if_closed(number)
    if any(option.startswith("error") for option in sys.warnoptions):
        # PYTHONWARNINGS=error is meant for tests; a warning of a library must not end a sync.
        warnings.simplefilter("default")
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(Descriptor(_ERRORS, "w", closefd=False), sys.stderr)
    if sys.stdout is not sys.__stdout__:
        return None
    output = Descriptor(_OUTPUT, "w", closefd=False)
    sys.stdout = _stream(output, sys.stdout)
    return output


def printable(text: str) -> str:
    """Return the text with terminal control characters (escape sequences, direction marks) as visible escapes.

    Line breaks are kept.
    """
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in text
    )


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)


def _stream(descriptor: Descriptor, before: TextIO | None) -> TextIO:
    """Return a text stream with the previous encoding; characters that it lacks are written as escape sequences."""
    encoding = before.encoding if before else "utf-8"
    is_line_buffered = descriptor.fileno() == _ERRORS or descriptor.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor), encoding, errors="backslashreplace", line_buffering=is_line_buffered
    )
