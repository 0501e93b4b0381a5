"""Statistics of requests: counts, and the most recent requests. They contain no token and no secret."""

import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request. `status` is 0 if no response was started; `at` is on the monotonic clock."""

    at: float
    method: str
    path: str
    query: str
    status: int
    bytes_sent: int


class Stats:
    """Counts over all requests, and the last 10,000 requests. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Reset all counts to zero."""
        with self._lock:
            self.requests: Counter[str] = Counter()
            self.statuses: Counter[int] = Counter()
            self.recent: deque[RecordedRequest] = deque(maxlen=10_000)
            self.user_agent = ""
            self.in_flight = 0
            self.most_in_flight = 0
            self.bytes_sent = 0

    def begin(self, path: str, user_agent: str) -> None:
        """Count a request that was received."""
        with self._lock:
            self.requests[path] += 1
            self.user_agent = user_agent
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, method: str, path: str, query: str, status: int, bytes_sent: int) -> None:
        """Count its response."""
        with self._lock:
            self.in_flight = max(0, self.in_flight - 1)
            self.statuses[status] += 1
            self.bytes_sent += bytes_sent
            self.recent.append(RecordedRequest(time.monotonic(), method, path, query, status, bytes_sent))

    def as_json(self) -> dict[str, Any]:
        """Return the counts, and the last 100 requests."""
        with self._lock:
            return {
                "requests": dict(self.requests), "statuses": {str(key): value for key, value in self.statuses.items()},
                "user_agent": self.user_agent, "most_in_flight": self.most_in_flight, "bytes_sent": self.bytes_sent,
                "last": [asdict(request) for request in list(self.recent)[-100:]],
            }  # fmt: skip
