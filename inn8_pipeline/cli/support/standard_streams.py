"""The standard streams, made safe before a command starts: closed, full, or of an encoding that lacks characters.

What a command does must not depend on whether its messages can be written, so writing never raises OSError.
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
    """An open descriptor that keeps the first error of writing to it instead of raising it."""

    error: OSError | None = None

    def write(self, data: "Buffer", /) -> int:
        """Write as `FileIO` does; after an error, report everything as written."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes


def prepare() -> Descriptor | None:
    """Replace this process's standard output and error; return what is below the output.

    None where a test has replaced standard output. A descriptor that is closed leads nowhere from now on: otherwise it
    would be given to the next file or socket, and Dagster, which captures the streams of a step, would write there.
    """
    for number in (_INPUT, _OUTPUT, _ERRORS):
        _open_if_closed(number)
    if any(option.startswith("error") for option in sys.warnoptions):
        # PYTHONWARNINGS=error is for tests: a warning of a library must not end a sync.
        warnings.simplefilter("default")
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(Descriptor(_ERRORS, "w", closefd=False), sys.stderr)
    if sys.stdout is not sys.__stdout__:
        return None
    output = Descriptor(_OUTPUT, "w", closefd=False)
    sys.stdout = _stream(output, sys.stdout)
    return output


def printable(text: str) -> str:
    """Return the text with what a terminal would obey (escape sequences, direction marks) as visible escapes.

    Line breaks stay.
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
    """Return a text stream of the encoding there was before. What that lacks is written as an escape sequence."""
    encoding = before.encoding if before else "utf-8"
    is_line_buffered = descriptor.fileno() == _ERRORS or descriptor.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor), encoding, errors="backslashreplace", line_buffering=is_line_buffered
    )
