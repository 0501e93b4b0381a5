"""Simulate a server's rate limit and its conditional requests (ETag, Last-Modified)."""

import hashlib
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from inn8_pipeline.sandbox.api.responses import SandboxResponse, json_response
from inn8_pipeline.sandbox.world.world import World

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


def with_etag(regular: SandboxResponse, if_none_match: str) -> SandboxResponse:
    """Return the response with an ETag, or a 304 if the request has the same one."""
    etag = f'"{hashlib.sha256(regular.body).hexdigest()[:32]}"'
    if etag in {each.strip() for each in if_none_match.split(",")}:
        return SandboxResponse(304, b"", {"etag": etag})
    regular.headers["etag"] = etag
    return regular


class LastModified:
    """When a world last changed: a day before the server was made, or the time at which a request noticed a change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._version = world.version
        self._at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)

    def add(self, regular: SandboxResponse, if_modified_since: str) -> SandboxResponse:
        """Return the response with a Last-Modified, or a 304 if the request has that instant or a later one."""
        if self._version != self._world.version:
            self._version, self._at = self._world.version, datetime.now(UTC).replace(microsecond=0)
        headers = {"last-modified": format_datetime(self._at, usegmt=True)}
        if if_modified_since and parsedate_to_datetime(if_modified_since) >= self._at:
            return SandboxResponse(304, b"", headers)
        regular.headers |= headers
        return regular
