"""Read what a response says of the server's rate limit: how many requests remain, and for how many seconds.

Three spellings are read: `RateLimit: "default";r=5;t=30` (draft-ietf-httpapi-ratelimit-headers), the older
`RateLimit-Remaining` with `RateLimit-Reset` or both in one `RateLimit` header, and those with `X-` before them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from inn8_pipeline.extract.http.responses import http_date

MAX_HEADER_LENGTH = 1000
FIRST_EPOCH_SECONDS = 1e9
"""A reset from this number on is an instant since 1970, as GitHub sends it, and no number of seconds."""
FIRST_EPOCH_MILLISECONDS = 1e12
MANY = 1_000_000_000

_QUOTED = re.compile(r'"[^"]*"')
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{0,9})?)"
_POLICY = (re.compile(rf";\s*r={_NUMBER}"), re.compile(rf";\s*t={_NUMBER}"))
_ALL_IN_ONE = (re.compile(rf"\bremaining={_NUMBER}"), re.compile(rf"\breset={_NUMBER}"))


@dataclass(frozen=True, order=True, slots=True)
class RateLimit:
    """What remains of a limit until it is reset."""

    remaining: int
    reset_seconds: float


def rate_limit(response: httpx.Response) -> RateLimit | None:
    """Return the limit that is nearest to its end; of several that are used up, the one that lasts longest."""
    return min(_limits(response), key=lambda each: (each.remaining, -each.reset_seconds), default=None)


def _limits(response: httpx.Response) -> Iterator[RateLimit]:
    headers = response.headers
    whole = _QUOTED.sub("", headers.get("RateLimit", "")[:MAX_HEADER_LENGTH])
    found = [[pattern.search(policy) for pattern in _POLICY] for policy in whole.split(",")]
    found.append([pattern.search(whole) for pattern in _ALL_IN_ONE])
    pairs = [(remaining[1], reset[1]) for remaining, reset in found if remaining and reset]
    pairs += [
        (headers.get(f"{prefix}-Remaining", ""), headers.get(f"{prefix}-Reset", ""))
        for prefix in ("RateLimit", "X-RateLimit")
    ]
    for remaining, reset in pairs:
        seconds = _seconds(reset.strip(), response)
        if seconds is not None and re.fullmatch(_NUMBER, remaining.strip()):
            yield RateLimit(min(int(float(remaining)), MANY), seconds)


def _seconds(text: str, response: httpx.Response) -> float | None:
    """Return the seconds to a reset, which may be given as an instant: that counts from the server's own `Date`."""
    if not re.fullmatch(_NUMBER, text):
        return None
    number = float(text)
    if number < FIRST_EPOCH_SECONDS:
        return number
    instant = number / 1000 if number >= FIRST_EPOCH_MILLISECONDS else number
    now = http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(instant - now.timestamp(), 0.0)
