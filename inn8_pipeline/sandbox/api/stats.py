"""What the sandbox was asked: counts and the last requests, for tests and the curious. No token and no secret."""

import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that was answered, or cut off (`status` 0: no answer began). `at` is on the monotonic clock."""

    at: float
    method: str
    path: str
    query: str
    status: int
    bytes_sent: int


class Stats:
    """Counts over all requests, and the last ten thousand of them. Safe for threads."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Count from nothing again."""
        with self._lock:
            self.requests: Counter[str] = Counter()
            self.statuses: Counter[int] = Counter()
            self.seen: deque[Seen] = deque(maxlen=10_000)
            self.user_agent = ""
            self.in_flight = 0
            self.most_in_flight = 0
            self.bytes_sent = 0

    def begin(self, path: str, user_agent: str) -> None:
        """Count a request that has come."""
        with self._lock:
            self.requests[path] += 1
            self.user_agent = user_agent
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, method: str, path: str, query: str, status: int, bytes_sent: int) -> None:
        """Count its answer."""
        with self._lock:
            self.in_flight = max(0, self.in_flight - 1)
            self.statuses[status] += 1
            self.bytes_sent += bytes_sent
            self.seen.append(Seen(time.monotonic(), method, path, query, status, bytes_sent))

    def as_json(self) -> dict[str, Any]:
        """Return the counts, and the last hundred requests."""
        with self._lock:
            return {
                "requests": dict(self.requests), "statuses": {str(key): value for key, value in self.statuses.items()},
                "user_agent": self.user_agent, "most_in_flight": self.most_in_flight, "bytes_sent": self.bytes_sent,
                "last": [asdict(seen) for seen in list(self.seen)[-100:]],
            }  # fmt: skip
