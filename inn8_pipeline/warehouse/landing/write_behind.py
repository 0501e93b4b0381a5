"""Run writes in a background thread, so that Python continues while Postgres stores."""

from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor

RETRY_SECONDS = 0.2
"""The pause between two requests to cancel a write."""


class WriteBehind:
    """One thread that runs one write at a time, in the order in which they are given.

    The error of a write is raised by every later call of `submit` and `wait`.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "write-behind")
        self._last: Future[None] | None = None

    def submit(self, write: Callable[[], None]) -> None:
        """Wait for the write before this one, then begin this one."""
        self.wait()
        self._last = self._thread.submit(write)

    def wait(self) -> None:
        """Wait for the last write, and raise its error if it failed."""
        if self._last is not None:
            self._last.result()

    def interrupt(self, cancel: Callable[[], None]) -> None:
        """Call `cancel` until the write that is running has ended, whatever its result."""
        while self._last is not None and not self._last.done():
            cancel()
            # The statement may not have begun when it was to be canceled.
            futures.wait([self._last], RETRY_SECONDS)

    def close(self) -> None:
        """Wait for the write that is running, whatever its result, and end the thread."""
        self._thread.shutdown()
