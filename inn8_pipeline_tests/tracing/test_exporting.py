"""When the spans of a process are sent, what OpenTelemetry's own variables change, and how failures are reported."""

import os
import uuid

import pytest
from pytest_httpserver import HTTPServer

from inn8_pipeline.tracing import exporting
from inn8_pipeline_tests.collector import Collector

RUN_ID = "0b4cbd12-8f9e-4f0c-9a50-6a1e2f2f6f11"
URL = "http://127.0.0.1:9/v1/traces"


@pytest.fixture
def collector(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Collector:
    """Return a collector that has time to answer."""
    monkeypatch.setattr(exporting, "EXPORT_SECONDS", 30.0)
    return Collector(httpserver)


@pytest.fixture
def warnings() -> list[str]:
    return []


def trace(url: str, warnings: list[str], run_id: str = RUN_ID) -> None:
    """Trace one sync."""
    span = exporting.sync_span(url, run_id, "t1 clients", warnings.append)
    assert span
    with span.child("merge") as merge:
        merge.set({"inn8.status": "Success", "inn8.left_out": None})
    span.end("sync clients", {}, None)


def test_the_spans_are_sent_at_the_end_of_the_outermost_block(collector: Collector, warnings: list[str]) -> None:
    with exporting.exporting(warnings.append):
        with exporting.exporting(warnings.append):
            trace(f"{collector.address}/v1/traces", warnings)
        assert collector.bodies == []
    assert [span.name for span in collector.spans] == ["sync clients", "merge"]
    assert collector.span("merge").attributes == {"inn8.status": "Success"}
    assert warnings == []


def test_steps_in_several_processes_add_to_the_same_trace(collector: Collector, warnings: list[str]) -> None:
    url = f"{collector.address}/v1/traces"
    with exporting.exporting(warnings.append):
        fetching = exporting.sync_span(url, RUN_ID, "t1 clients", warnings.append)
        assert fetching
        fetching.add("fetch", 1, 2, {})
    with exporting.exporting(warnings.append):
        trace(url, warnings)
    whole = collector.span("sync clients")
    assert {span.trace_id for span in collector.spans} == {uuid.UUID(RUN_ID).hex}
    assert {span.parent_id for span in collector.spans if span is not whole} >= {whole.id}
    assert (collector.span("fetch").parent_id, whole.parent_id) == (whole.id, "")


def test_a_forked_process_neither_shares_the_connection_nor_counts_the_blocks_of_its_parent(
    collector: Collector, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with exporting.exporting(warnings.append):
        trace(f"{collector.address}/v1/traces", warnings)
        with monkeypatch.context() as forked:
            forked.setattr(os, "getpid", lambda: -1)
            with exporting.exporting(warnings.append):
                trace(f"{collector.address}/v1/traces", warnings)
        assert len(collector.spans) == 2


def test_the_variables_of_opentelemetry_name_the_service_and_choose_the_traces(
    collector: Collector, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "wealth")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=of ours")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    runs = [str(uuid.UUID(int=(1 << 127) + low)) for low in (1, (1 << 64) - 1)]
    with exporting.exporting(warnings.append):
        for run_id in runs:
            trace(f"{collector.address}/v1/traces", warnings, run_id)
    assert collector.services == {"wealth"}
    assert {span.trace_id for span in collector.spans} == {uuid.UUID(runs[0]).hex}
    assert len(collector.spans) == 2


def test_a_collector_that_is_away_is_one_warning(warnings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "EXPORT_SECONDS", 0.05)
    with exporting.exporting(warnings.append):
        trace(URL, warnings)
    assert warnings == [exporting.NOT_ACCEPTED.format(0.05)]


def test_a_collector_that_refuses_spans_is_one_warning(httpserver: HTTPServer, warnings: list[str]) -> None:
    httpserver.expect_request("/v1/traces").respond_with_data(b"", 403)
    with exporting.exporting(warnings.append):
        trace(httpserver.url_for("/v1/traces"), warnings)
    assert warnings == [exporting.NOT_ACCEPTED.format(exporting.EXPORT_SECONDS)]


def test_a_variable_that_opentelemetry_refuses_is_one_warning(
    warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0")
    with exporting.exporting(warnings.append):
        assert exporting.sync_span(URL, RUN_ID, "t1 clients", warnings.append) is None
    assert warnings == [exporting.INVALID.format("ValueError")]
