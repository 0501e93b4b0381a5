"""Export the spans of this process, and wait for them for a bounded time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from inn8_pipeline.errors import CollectorError
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    from inn8_pipeline.tracing import otlp
else:
    otlp = lazy_module("inn8_pipeline.tracing.otlp")

EXPORT_SECONDS = 2.0
"""How long the end of a run, or of a step in a process of its own, waits for the collector. Later spans are lost."""

SENDING = "inn8 last spans"
"""The name of the thread that sends them."""

NOT_INSTALLED = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages for it are not installed: no sync is traced. Install "
    "inn8-pipeline[otel], or unset the variable."
)
NOT_ACCEPTED = (
    "The collector at OTEL_EXPORTER_OTLP_ENDPOINT did not accept all spans within {:.0f} s: some are missing there. No "
    "sync is affected. Check that the collector runs and accepts OTLP over HTTP, or unset the variable."
)
INVALID = (
    "A variable of OpenTelemetry is wrong ({}): no sync is traced. Compare the variables whose names begin with "
    "OTEL_ with docs/metrics.md."
)


@dataclass
class _Process:
    """What a process exports: how many `exporting` blocks it is in, and the way to the collector once it is needed."""

    pid: int
    blocks: int = 0
    export: "otlp.SpanExport | None" = None
    lock: Lock = field(default_factory=Lock)


_process = _Process(os.getpid())


def _current() -> _Process:
    """Return the state of this process, which inherits none from the process that it was forked from."""
    global _process  # noqa: PLW0603 (the state of the process)
    if _process.pid != os.getpid():
        _process = _Process(os.getpid())
    return _process


@contextmanager
def exporting(warn: Callable[[str], None]) -> Iterator[None]:
    """Send the spans that are left at the end of the outermost of these blocks, and wait at most `EXPORT_SECONDS`.

    The process that executes a run is in one, and so is each step, which may have a process of its own. `warn` is
    called if the collector did not accept them. A block in which nothing is traced costs nothing.
    """
    process = _current()
    with process.lock:
        process.blocks += 1
    try:
        yield
    finally:
        with process.lock:
            process.blocks -= 1
            export = process.export if process.blocks == 0 else None
            process.export = None if export else process.export
        if export and not export.close(EXPORT_SECONDS, SENDING):
            warn(NOT_ACCEPTED.format(EXPORT_SECONDS))


def sync_span(endpoint: str, run_id: str, subject: str, warn: Callable[[str], None]) -> "otlp.SyncSpan | None":
    """Return the span of a sync; None, after a warning, if spans cannot be exported. Call it in an `exporting` block.

    Args:
        endpoint: The URL to which spans are posted.
        run_id: The run of the sync.
        subject: The tenant and the entity.
        warn: Called with a line that says why there is no span.

    """
    process = _current()
    try:
        with process.lock, _clear_errors():
            process.export = process.export or otlp.SpanExport(endpoint)
            return process.export.sync_span(run_id, subject)
    except CollectorError as error:
        warn(str(error))
        return None


def check(endpoint: str) -> None:
    """Send a request without spans to the collector.

    Raises:
        CollectorError: The packages are not installed, a variable is wrong, or the collector did not accept it.

    """
    with _clear_errors():
        is_accepted = otlp.accepts(endpoint, EXPORT_SECONDS)
    if not is_accepted:
        raise CollectorError(NOT_ACCEPTED.format(EXPORT_SECONDS))


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Raise a CollectorError for what OpenTelemetry raises when it reads its variables, or if it is not installed."""
    try:
        yield
    except ModuleNotFoundError:
        raise CollectorError(NOT_INSTALLED) from None
    except (ValueError, RuntimeError) as error:
        raise CollectorError(INVALID.format(type(error).__name__)) from None
