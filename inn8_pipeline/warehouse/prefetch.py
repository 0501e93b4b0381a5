"""An iterator run ahead of its use, in a thread of its own: Postgres reads while Python decodes.

Here belongs the thread and its bound; nothing is known of what is iterated over.
"""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Generator[Item, None, None], count: int) -> Iterator[Item]:
    """The same items in the same order, at most `count` of them taken before they are asked for; errors in their place.

    Whoever leaves early closes `items` too.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
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
