"""The spans of the parts of a sync: fetch with its pages, landing, merge and transform. docs/metrics.md lists them.

Attributes are numbers, ids of ours and names of classes: no URL, and nothing of a record.
"""

from collections.abc import Callable

from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.retry import AbandonedError
from inn8_pipeline.extract.timing import PageTiming
from inn8_pipeline.tracing.span import Span
from inn8_pipeline.tracing.stopwatch import Stopwatch
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.results import SyncResult

MAX_PAGES = 500
"""Each page up to this one has a span; of the others only those that were tried again or failed."""


def page_spans(fetch_span: Span) -> Callable[[PageTiming], None]:
    """Return the function that adds the span of a page to that of its fetch."""

    def add(timing: PageTiming) -> None:
        error, tries = timing.error, timing.tries
        if error is AbandonedError or (timing.number > MAX_PAGES and not error and not tries.retries):
            return
        attributes = {
            "http.request.method": "GET",
            "http.response.status_code": tries.status,
            "http.request.resend_count": tries.retries,
            "inn8.page": timing.number,
            "inn8.waited_seconds": round(tries.waited_seconds, 3),
            "inn8.records": timing.records,
            "inn8.bytes": timing.bytes,
        }
        fetch_span.add("page", timing.began_ns, timing.ended_ns, attributes, error)

    return add


def describe_fetch(span: Span, fetch: Fetch) -> None:
    """Set the attributes of a fetch that has read its pages."""
    span.set(
        {
            "inn8.records": fetch.records,
            "inn8.bytes": fetch.bytes,
            "inn8.retries": fetch.retries,
            "inn8.unchanged_pages": fetch.unchanged_pages,
            "inn8.is_complete": fetch.is_complete,
        }
    )


def describe_landing(span: Span, landing: Landing, stored: Stopwatch) -> None:
    """Set the attributes of a landing. `stored` is the time in which its pages were written."""
    span.set(
        {
            "inn8.landing_id": landing.id,
            "inn8.pages": landing.pages,
            "inn8.records": landing.records,
            "inn8.bytes": landing.bytes,
            "inn8.waited_seconds": landing.waited_seconds,
            "inn8.busy_seconds": round(stored.seconds, 3),
        }
    )


def describe_merge(span: Span, landing: Landing, result: SyncResult) -> None:
    """Set the attributes of a merge."""
    counts = {f"inn8.records.{name}": count for name, count in result.counts.as_dict().items()}
    span.set(
        {
            "inn8.landing_id": landing.id,
            "inn8.status": str(result.status),
            "inn8.is_repeat": result.is_repeat,
            "inn8.rows.missing": result.missing,
            "inn8.rows.removed": result.removed,
            **counts,
        }
    )


def add_transform(merge_span: Span, work: Stopwatch) -> None:
    """Add the span of the transform of a merge's records, unless there was nothing to transform."""
    if work.began_ns:
        attributes = {"inn8.busy_seconds": round(work.seconds, 3)}
        merge_span.add("transform", work.began_ns, work.ended_ns, attributes)
