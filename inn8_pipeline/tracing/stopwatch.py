"""Measure work that is done bit by bit while other work goes on, such as storing pages while more are fetched."""

import time
from types import TracebackType


class Stopwatch:
    """Adds up the time that is spent inside its blocks: `with stopwatch: …`.

    Attributes:
        began_ns: When the first block began, in nanoseconds since 1970; 0 before that.
        ended_ns: When the last block ended.
        seconds: The time inside the blocks.

    """

    def __init__(self) -> None:
        self.began_ns = 0
        self.ended_ns = 0
        self.seconds = 0.0
        self._began_seconds = 0.0

    def __enter__(self) -> None:
        """Begin a block."""
        self.began_ns = self.began_ns or time.time_ns()
        self._began_seconds = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End a block."""
        self.seconds += time.perf_counter() - self._began_seconds
        self.ended_ns = time.time_ns()
