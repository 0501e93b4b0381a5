"""Read where spans are sent, from the standard variables of OpenTelemetry."""

from inn8_pipeline.settings.environment import Environment, truth
from inn8_pipeline.settings.urls import http_url

_EXAMPLE = "http://localhost:4318"
_PATH = "/v1/traces"


def read_traces_endpoint(environment: Environment) -> str | None:
    """Return the URL to which spans are posted; None if no exporter is configured.

    The variables are those of OpenTelemetry: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is the whole URL, and
    OTEL_EXPORTER_OTLP_ENDPOINT the address of the collector. OTEL_SDK_DISABLED=true and OTEL_TRACES_EXPORTER=none turn
    tracing off.
    """
    is_disabled = environment.parse("OTEL_SDK_DISABLED", truth, "true or false", "false")
    if is_disabled or environment.read("OTEL_TRACES_EXPORTER", "otlp", default="otlp") == "none":
        return None
    for name, path in (("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""), ("OTEL_EXPORTER_OTLP_ENDPOINT", _PATH)):
        url = environment.read(name, _EXAMPLE, default="")
        if url:
            http_url(name, url, _EXAMPLE)
            return f"{url.removesuffix('/')}{path}" if path else url
    return None
