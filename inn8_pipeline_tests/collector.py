"""A collector for OpenTelemetry on a real socket: it decodes the spans that it receives by OTLP over HTTP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from pytest_httpserver import HTTPServer


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as the collector received it; an id is empty if the span has none."""

    name: str
    service: str
    trace_id: str
    id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    error: str
    attributes: Mapping[str, Any]


class Collector:
    """The spans that a server received. `address` is for OTEL_EXPORTER_OTLP_ENDPOINT."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        server.expect_request("/v1/traces", "POST").respond_with_data(b"")

    @property
    def address(self) -> str:
        return self._server.url_for("").removesuffix("/")

    @property
    def bodies(self) -> list[bytes]:
        return [request.get_data() for request, _ in self._server.log]

    @property
    def services(self) -> set[str]:
        """The names of the services that sent spans."""
        return {_service(resource) for sent in self._requests() for resource in sent.resource_spans}

    @property
    def spans(self) -> list[ReceivedSpan]:
        """The spans in the order in which they began."""
        found = [
            ReceivedSpan(
                name=span.name,
                service=_service(resource),
                trace_id=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                began_ns=span.start_time_unix_nano,
                ended_ns=span.end_time_unix_nano,
                error=span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else "",
                attributes={each.key: _value(each.value) for each in span.attributes},
            )
            for sent in self._requests()
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: (span.began_ns, span.name))

    def span(self, name: str) -> ReceivedSpan:
        """Return the only span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def _requests(self) -> Iterator[ExportTraceServiceRequest]:
        yield from map(ExportTraceServiceRequest.FromString, self.bodies)


def _service(resource: ResourceSpans) -> str:
    (name,) = [each.value.string_value for each in resource.resource.attributes if each.key == "service.name"]
    return str(name)


def _value(value: Any) -> Any:  # noqa: ANN401 (any type of an attribute)
    return getattr(value, value.WhichOneof("value"))
