"""Send spans to an OpenTelemetry collector by OTLP over HTTP. Only this module imports OpenTelemetry.

Its packages are the extra `otel`. They read their own standard variables: headers, certificates, the resource, the
sampler. `exporting` imports this module when a process exports its first span.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from inn8_pipeline.tracing.span import Attributes

DEFAULT_SERVICE = "inn8-pipeline"
"""The name of the service, if neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES has one."""

SCOPE = "inn8_pipeline"


class SpanExport:
    """The way of a process's spans to the collector. They are sent in batches, by a thread of its own.

    `endpoint` is the URL to which spans are posted.
    """

    def __init__(self, endpoint: str) -> None:
        self._exporter = _WatchedExporter(endpoint=endpoint)
        self._processor = BatchSpanProcessor(self._exporter)
        self._resource = _resource()
        self._provider = self._new_provider()
        self._began_ns: dict[int, int] = {}

    def _new_provider(self, ids: IdGenerator | None = None) -> TracerProvider:
        # At the exit of the process the provider would wait up to 30 s for the collector.
        provider = TracerProvider(resource=self._resource, id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        return provider

    def sync_span(self, run_id: str, subject: str) -> "SyncSpan":
        """Return the span of the sync of a subject, the tenant and entity, in a run."""
        trace_id, span_id = _trace_id(run_id), _digest(f"{run_id} {subject}", 8)
        # Each process decides alike, because the samplers that OpenTelemetry has for this look at the trace id.
        decision = self._provider.sampler.should_sample(None, trace_id, subject).decision
        flags = TraceFlags(TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
        context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return SyncSpan(
            context,
            self._provider.get_tracer(SCOPE),
            self._new_provider(_FixedIds(trace_id, span_id)).get_tracer(SCOPE),
            # The first step of the sync in this process.
            self._began_ns.setdefault(span_id, time.time_ns()),
        )

    def close(self, wait_seconds: float, thread_name: str) -> bool:
        """Send the spans that are left, and wait for at most so many seconds; return whether all were accepted."""
        sending = Thread(target=self._send_the_rest, daemon=True, name=thread_name)
        sending.start()
        sending.join(wait_seconds)
        if sending.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # ends the waits between its retries
            return False
        return not self._exporter.has_failed

    def _send_the_rest(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def accepts(endpoint: str, wait_seconds: float) -> bool:
    """Return whether the collector accepts a request without spans."""
    return OTLPSpanExporter(endpoint=endpoint, timeout=wait_seconds).export([]) is SpanExportResult.SUCCESS


class OpenSpan:
    """A span that has begun (a `tracing.span.Span`)."""

    def __init__(self, span: OtelSpan, tracer: Tracer) -> None:
        self._span = span
        self._tracer = tracer

    @contextmanager
    def child(self, name: str) -> Iterator["OpenSpan"]:
        """Begin a span inside this one, which ends with the block."""
        span = self._tracer.start_span(name, set_span_in_context(self._span, Context()))
        found: type[BaseException] | None = None
        try:
            yield OpenSpan(span, self._tracer)
        except BaseException as error:
            found = type(error)
            raise
        finally:
            _end(span, found)

    def add(
        self, name: str, began_ns: int, ended_ns: int, attributes: Attributes, error: type[BaseException] | None = None
    ) -> None:
        """Add a span inside this one that has ended."""
        span = self._tracer.start_span(name, set_span_in_context(self._span, Context()), start_time=began_ns)
        _set(span, attributes)
        _end(span, error, ended_ns)

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""
        _set(self._span, attributes)


class SyncSpan(OpenSpan):
    """The span of a whole sync, whose steps may run in several processes.

    Its ids follow from the run and the subject: the trace id is that of the run, written without hyphens. So each step
    can add spans inside it, and the last one exports it, when the result is known.
    """

    def __init__(self, context: SpanContext, tracer: Tracer, tracer_of_itself: Tracer, began_ns: int) -> None:
        super().__init__(NonRecordingSpan(context), tracer)
        self._tracer_of_itself = tracer_of_itself
        self._began_ns = began_ns

    def end(
        self, name: str, attributes: Attributes, error: type[BaseException] | None, began_ns: int | None = None
    ) -> None:
        """Export the span, which ends now, because of this error if there was one.

        It began when this process began with the sync, or at `began_ns` if that is earlier.
        """
        began_ns = min(self._began_ns, began_ns or self._began_ns)
        span = self._tracer_of_itself.start_span(name, Context(), start_time=began_ns)
        _set(span, attributes)
        _end(span, error)


class _WatchedExporter(OTLPSpanExporter):
    """Notes whether the collector refused spans or could not be reached."""

    has_failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self.has_failed = self.has_failed or result is not SpanExportResult.SUCCESS
        return result


class _FixedIds(IdGenerator):
    """Gives a span the ids that it must have."""

    def __init__(self, trace_id: int, span_id: int) -> None:
        self._trace_id = trace_id
        self._span_id = span_id

    def generate_span_id(self) -> int:
        return self._span_id

    def generate_trace_id(self) -> int:
        return self._trace_id


def _set(span: OtelSpan, attributes: Attributes) -> None:
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})


def _end(span: OtelSpan, error: type[BaseException] | None, ended_ns: int | None = None) -> None:
    """End a span. Of an error only the class is exported, because its text could contain values of a record."""
    if error is not None:
        span.set_attribute("error.type", error.__name__)
        span.set_status(Status(StatusCode.ERROR, error.__name__))
    span.end(ended_ns)


def _resource() -> Resource:
    found = Resource.create()
    if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: DEFAULT_SERVICE}))
    return found


def _trace_id(run_id: str) -> int:
    try:
        return uuid.UUID(run_id).int
    except ValueError:  # Dagster's own ids are UUIDs; a caller of its API can give others
        return _digest(run_id, 16)


def _digest(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size])
