"""The records of one collection, rendered and in a fixed order, in blocks: one per day of trade, or one for all.

A block is generated when it is first needed. The number of records of a generated block is known without generating
it, so page 500 of a year costs only the days that are on it.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from itertools import accumulate

from inn8_pipeline.sandbox.world.record_file import Block, RecordFile

NO_DAY = date.min
"""The day of the only block of a collection that has no days: clients and portfolios."""


class CollectionStore:
    """The blocks of one collection. Not thread-safe: `World` holds the lock.

    Args:
        file: Where rendered records are written.
        count: Returns how many records are generated for a day.
        generate: Returns the generated records of a day, always the same ones.

    """

    def __init__(self, file: RecordFile, count: Callable[[date], int], generate: Callable[[date], list[bytes]]) -> None:
        self._file, self._count, self._generate = file, count, generate
        self._blocks: dict[date, Block] = {}
        self._counts: dict[date, int] = {}
        self.extra_days: set[date] = set()

    def block(self, day: date) -> Block:
        """Return the current records of a day."""
        if day not in self._blocks:
            self._blocks[day] = Block(self._file, self._generate(day))
        return self._blocks[day]

    def count(self, day: date) -> int:
        """Return the number of records of a day."""
        if day in self._blocks:
            return len(self._blocks[day])
        if day not in self._counts:
            self._counts[day] = self._count(day)
        return self._counts[day]

    def replace(self, day: date, records: Sequence[bytes]) -> None:
        """Replace the records of a day."""
        self._blocks[day] = Block(self._file, records)

    def between(self, days: Sequence[date], start: int, stop: int) -> bytes:
        """Return the records from `start` to before `stop` of these days together, separated by commas."""
        before = [0, *accumulate(map(self.count, days))]
        parts = []
        for index in range(max(0, bisect_right(before, start) - 1), len(days)):
            if before[index] >= stop:
                break
            first, last = max(start, before[index]), min(stop, before[index + 1])
            if first < last:
                parts.append(self.block(days[index]).between(first - before[index], last - before[index]))
        return b",".join(parts)
