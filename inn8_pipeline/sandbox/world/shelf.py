"""A collection as blocks of rendered records in a fixed order: a day's transactions, or all clients.

A block is drawn when it is first asked for. How many records a seeded block has is known without drawing it, so page
500 of a year costs the days that it shows.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from itertools import accumulate

from inn8_pipeline.sandbox.world.spool import Block, Spool

# Clients and portfolios lie in one block, whatever the day.
ALWAYS = date.min


class Shelf:
    """The blocks of one collection. Not safe for threads by itself: the world has the lock."""

    def __init__(self, spool: Spool, count: Callable[[date], int], draw: Callable[[date], list[bytes]]) -> None:
        """`count` and `draw` give the seeded records of a day, always the same ones."""
        self._spool, self._count, self._draw = spool, count, draw
        self._blocks: dict[date, Block] = {}
        self._counts: dict[date, int] = {}
        self.extra_days: set[date] = set()

    def block(self, day: date) -> Block:
        """Return the records of a day, as they are by now."""
        if day not in self._blocks:
            self._blocks[day] = Block(self._spool, self._draw(day))
        return self._blocks[day]

    def count(self, day: date) -> int:
        """Return how many records a day has."""
        if day in self._blocks:
            return len(self._blocks[day])
        if day not in self._counts:
            self._counts[day] = self._count(day)
        return self._counts[day]

    def replace(self, day: date, records: Sequence[bytes]) -> None:
        """Let these be the records of the day."""
        self._blocks[day] = Block(self._spool, records)

    def run(self, days: Sequence[date], start: int, stop: int) -> bytes:
        """Return records `start` to before `stop` of the days taken together, with commas between them."""
        before = [0, *accumulate(map(self.count, days))]
        parts = []
        for place in range(max(0, bisect_right(before, start) - 1), len(days)):
            if before[place] >= stop:
                break
            first, last = max(start, before[place]), min(stop, before[place + 1])
            if first < last:
                parts.append(self.block(days[place]).run(first - before[place], last - before[place]))
        return b",".join(parts)
