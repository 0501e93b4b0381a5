"""Read the items of an iterator in advance, in a thread of its own, so that Postgres reads while Python decodes."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Generator[Item, None, None], count: int) -> Iterator[Item]:
    """Yield the same items in the same order; read at most `count` of them in advance.

    An error of `items` is raised at its position. If the consumer stops early, `items` is closed too.
    """
    with ThreadPoolExecutor(1, "prefetch") as thread:
        waiting = deque(thread.submit(_next, items) for _ in range(count))
        try:
            while found := waiting.popleft().result():
                waiting.append(thread.submit(_next, items))
                yield found[0]
        finally:
            for each in waiting:
                each.cancel()
            thread.submit(items.close)


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
