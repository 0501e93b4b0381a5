"""A limit of requests per minute, as servers have one, and conditional requests."""

import hashlib
import math
import threading
import time

from inn8_pipeline.sandbox.api.responses import SandboxResponse, json_response

WINDOW_SECONDS = 60.0


class MinuteLimit:
    """Count requests in windows of a minute. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends_at = 0.0
        self._used = 0

    def take(self, limit: int) -> tuple[dict[str, str], SandboxResponse | None]:
        """Count a request; return the headers of its response, and the refusal if it is one too many."""
        with self._lock:
            if time.monotonic() >= self._ends_at:
                self._ends_at, self._used = time.monotonic() + WINDOW_SECONDS, 0
            self._used += 1
            used, seconds = self._used, math.ceil(self._ends_at - time.monotonic())
        headers = {
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(max(limit - used, 0)),
            "ratelimit-reset": str(seconds),
        }
        if used <= limit:
            return headers, None
        return headers, json_response(429, {"error": "too_many_requests"}, headers | {"retry-after": str(seconds)})


def conditional(regular: SandboxResponse, if_none_match: str) -> SandboxResponse:
    """Return the response with an ETag, or a 304 if the request has the same one."""
    etag = f'"{hashlib.sha256(regular.body).hexdigest()[:32]}"'
    if etag in {each.strip() for each in if_none_match.split(",")}:
        return SandboxResponse(304, b"", {"etag": etag})
    regular.headers["etag"] = etag
    return regular
