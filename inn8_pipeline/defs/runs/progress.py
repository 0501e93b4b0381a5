"""Say how far a step has come: in the run's log if it takes long, and to the command that executes the run."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

FIRST_SECONDS = 3.0
"""The first line comes after this time; each further one when the step has taken twice as long."""

Listener = Callable[[str, int, int | None], None]
"""Is called with what the step does, the records so far, and their expected number if it is known."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listened(listener: Listener) -> Iterator[None]:
    """Call `listener` whenever a step executed in the block makes progress."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class StepProgress:
    """Count the records of a step, or what else it works through.

    Args:
        doing: What the step does, such as `fetching` or `merging`.
        log: Writes a line into the run's log.
        of_what: What is counted; empty if `doing` says it.

    """

    def __init__(self, doing: str, log: Callable[[str], object], of_what: str = "records") -> None:
        self._doing = doing
        self._log = log
        self._of_what = of_what
        self._listener = _listener.get()
        self._began = time.monotonic()
        self._next_seconds = FIRST_SECONDS

    def __call__(self, done: int, total: int | None) -> None:
        """Note that so many are done, of as many as are expected."""
        if self._listener:
            self._listener(self._doing, done, total)
        took = time.monotonic() - self._began
        if took >= self._next_seconds:
            self._next_seconds = 2 * took
            self._log(f"{self._doing.capitalize()}: {counted(done, total, self._of_what)}{_left(done, total, took)}.")


def counted(done: int, total: int | None, of_what: str = "records") -> str:
    """Return how many are done: `12,000 of 50,000 records`, or `12,000 records` if the total is not known."""
    return (f"{done:,} of {total:,} {of_what}" if total else f"{done:,} {of_what}").rstrip()


def _left(done: int, total: int | None, took: float) -> str:
    """Return about how long the rest takes, at the speed so far; empty if that is not known."""
    if not total or not done or done > total:
        return ""
    return f", about {took * (total - done) / done:,.0f} s left"
