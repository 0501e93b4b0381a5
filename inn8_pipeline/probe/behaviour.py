"""Measure how INN8 behaves: compression, rate limits, latency alone and with several requests."""

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from inn8_pipeline.errors import ApiError
from inn8_pipeline.probe.examination import CollectionView, Examination
from inn8_pipeline.probe.findings import ProbeFinding, Severity
from inn8_pipeline.probe.server import ProbedServer

LEVELS = ((1, 4), (2, 4), (4, 8), (8, 8))
"""How many requests are made at a time, and how many in all."""
ENOUGH = 0.8
"""The share of the best throughput with which fewer requests at a time are recommended."""
ONE_BY_ONE = frozenset({"cursor", "next_url", "single"})
LIMITS = ("ratelimit", "ratelimit-limit", "ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-remaining")


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured with so many requests at a time."""

    at_a_time: int
    seconds: Sequence[float]
    wall_seconds: float

    @property
    def per_second(self) -> float:
        """The requests that were answered per second."""
        return len(self.seconds) / max(self.wall_seconds, 1e-6)

    def __str__(self) -> str:
        """Return the median and the 95th percentile."""
        ordered = sorted(self.seconds)
        slow = ordered[math.ceil(0.95 * len(ordered)) - 1]
        return f"{self.at_a_time} at a time: median {median(ordered):.3f} s, 95% {slow:.3f} s"


def examine_behaviour(
    server: ProbedServer, examinations: Sequence[Examination], largest: Examination, first: CollectionView
) -> Iterator[ProbeFinding]:
    """Yield findings about the collection with the largest first page."""
    yield _compression(first)
    yield _limits(first)
    loads = list(_loads(server, largest))
    if not loads:
        meaning = "INN8 fails under requests: set INN8_PAGES_AT_A_TIME=1."
        yield ProbeFinding("server", "latency", Severity.HANDLED, "not measured, because requests failed", meaning)
        return
    yield ProbeFinding("server", "latency", Severity.AS_CONTRACT, "; ".join(map(str, loads)))
    yield _first_load(examinations, loads)


def recommended(loads: Sequence[Load]) -> Load:
    """Return the load with the fewest requests at a time that is nearly as quick as the quickest."""
    best = max(each.per_second for each in loads)
    return next(each for each in loads if each.per_second >= ENOUGH * best)


def _compression(first: CollectionView) -> ProbeFinding:
    coding = first.response.headers.get("content-encoding", "")
    if coding:
        return ProbeFinding("server", "compression", Severity.AS_CONTRACT, "gzip")
    seen = f"none: {len(first.response.body):,} bytes for {len(first.records):,} records"
    return ProbeFinding("server", "compression", Severity.AS_CONTRACT, seen)


def _limits(first: CollectionView) -> ProbeFinding:
    names = [name for name in LIMITS if name in first.response.headers]
    limit = first.response.rate_limit
    if limit is None:
        seen = f"headers that cannot be read: {', '.join(names)}" if names else "no headers name one"
        return ProbeFinding("server", "rate limit", Severity.AS_CONTRACT, seen)
    seen = f"{limit.remaining:,} requests remain for {limit.reset_seconds:.0f} s ({', '.join(names)})"
    return ProbeFinding("server", "rate limit", Severity.AS_CONTRACT, seen, "Requests wait before INN8 answers 429.")


def _loads(server: ProbedServer, examination: Examination) -> Iterator[Load]:
    """Yield what was measured at each level, until requests fail."""
    for at_a_time, count in LEVELS:
        began_at = time.monotonic()
        try:
            with ThreadPoolExecutor(at_a_time) as pool:
                seconds = [each.seconds for each in pool.map(lambda _: server.page(examination.proposal), range(count))]
        except ApiError:
            return
        yield Load(at_a_time, seconds, time.monotonic() - began_at)


def _first_load(examinations: Sequence[Examination], loads: Sequence[Load]) -> ProbeFinding:
    chosen, pages, is_known = recommended(loads), 0, True
    for each in examinations:
        is_known = is_known and each.total is not None
        pages += math.ceil(max(each.total or 0, each.first_count) / max(each.first_count, 1))
    is_one_by_one = all(each.proposal.paging.style in ONE_BY_ONE for each in examinations)
    load = loads[0] if is_one_by_one else chosen
    extent = f"{pages:,} pages" if is_known else f"at least {pages:,} pages (no total of records is announced)"
    seen = f"about {pages / load.per_second:,.0f} s for {extent}; INN8_PAGES_AT_A_TIME={load.at_a_time}"
    meaning = "It is the time of the requests alone."
    if is_one_by_one:
        meaning += " INN8_PAGES_AT_A_TIME has no effect: each page names the next one."
    return ProbeFinding("server", "first load", Severity.AS_CONTRACT, seen, meaning)
