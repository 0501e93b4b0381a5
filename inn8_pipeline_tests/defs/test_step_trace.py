"""The spans of a sync, as a collector receives them; and that a sync needs neither a collector nor the packages."""

import socket
import sys
import threading
import uuid

import pytest
from dagster import _check as check
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from pytest_httpserver import HTTPServer

from inn8_pipeline.defs.sync_log import failures
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.tracing import exporting
from inn8_pipeline_tests.collector import Collector
from inn8_pipeline_tests.defs.pipelines import KEYS, SECRET, TENANT, Pipeline
from inn8_pipeline_tests.defs.test_failures import FULL

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def collector(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Collector:
    """Return a collector that the settings name, and that has time to answer."""
    made = Collector(httpserver)
    monkeypatch.setattr(exporting, "EXPORT_SECONDS", 30.0)
    monkeypatch.setenv(ENDPOINT, made.address)
    return made


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other tests have imported."""
    for name in [*sys.modules]:
        if name.partition(".")[0] == "opentelemetry" or name == "inn8_pipeline.tracing.otlp":
            monkeypatch.delitem(sys.modules, name)


def imported() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]


def test_a_sync_is_one_trace_with_a_span_for_each_of_its_parts(pipeline: Pipeline, collector: Collector) -> None:
    run = pipeline.run(CLIENTS)
    spans, whole = collector.spans, collector.span("sync clients")
    assert {span.trace_id for span in spans} == {uuid.UUID(run.run_id).hex}
    assert collector.services == {"inn8-pipeline"}
    names = {span.id: span.name for span in spans}
    assert {(span.name, names.get(span.parent_id, "")) for span in spans} == {
        ("sync clients", ""),
        ("landing", "sync clients"),
        ("fetch", "sync clients"),
        ("page", "fetch"),
        ("merge", "sync clients"),
        ("transform", "merge"),
    }
    assert [span.error for span in spans if span.error] == []
    assert whole.ended_ns == max(span.ended_ns for span in spans)
    fetch, landing, merge = collector.span("fetch"), collector.span("landing"), collector.span("merge")
    assert landing.began_ns < fetch.began_ns < fetch.ended_ns < landing.ended_ns < merge.began_ns
    assert (fetch.attributes["inn8.records"], fetch.attributes["inn8.is_complete"]) == (25, True)
    pages = [(span.attributes["inn8.page"], span.attributes["inn8.records"]) for span in spans if span.name == "page"]
    assert sorted(pages) == [(1, 20), (2, 5)]
    assert {span.attributes["http.response.status_code"] for span in spans if span.name == "page"} == {200}
    assert (merge.attributes["inn8.records.inserted"], merge.attributes["inn8.is_repeat"]) == (25, False)
    assert merge.attributes["inn8.landing_id"] == landing.attributes["inn8.landing_id"] == 1
    assert min(span.attributes["inn8.busy_seconds"] for span in (landing, collector.span("transform"))) > 0


def test_the_span_of_a_sync_says_what_was_synced_and_how_it_ended(pipeline: Pipeline, collector: Collector) -> None:
    run = pipeline.run(TRANSACTIONS)
    attributes = collector.span("sync transactions").attributes
    assert {
        name: value for name, value in attributes.items() if not name.startswith(("inn8.records", "inn8.rows"))
    } == {
        "inn8.tenant": TENANT,
        "inn8.entity": "transactions",
        "inn8.run_id": run.run_id,
        "inn8.trigger": "manual",
        "inn8.dry_run": False,
        "inn8.window.from": pipeline.window.from_date.isoformat(),
        "inn8.window.to": pipeline.window.to_date.isoformat(),
        "inn8.status": "PartialSuccess",
    }
    records = pipeline.world.count("transactions")
    assert (attributes["inn8.records.fetched"], attributes["inn8.records.rejected"]) == (records, records)
    assert attributes["inn8.rows.missing"] == 0


def test_a_failed_sync_has_the_class_of_the_error_and_no_text_of_it(pipeline: Pipeline, collector: Collector) -> None:
    pipeline.server.faults.add("status", "clients", status=403)
    assert not pipeline.run(CLIENTS).success
    assert {span.name: span.error for span in collector.spans} == dict.fromkeys(
        ["sync clients", "landing", "fetch", "page"], "RefusedRequestError"
    )
    assert collector.span("page").attributes["http.response.status_code"] == 403
    assert collector.span("sync clients").attributes["inn8.status"] == "Failed"


def test_a_step_that_is_retried_adds_to_the_trace_and_the_last_attempt_ends_it(
    pipeline: Pipeline, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "RETRY_WAITS_SECONDS", (0.01, 0.01))
    pipeline.change(FULL)
    assert not pipeline.run(CLIENTS).success
    assert collector.span("sync clients").error == "DatabaseError"
    assert [span.error for span in collector.spans if span.name == "merge"] == ["DatabaseError"] * 3


def test_no_span_has_an_address_a_token_or_anything_of_a_record(
    pipeline: Pipeline, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda _size: "the-token-of-this-test")
    pipeline.run(CLIENTS)
    pipeline.world.corrupt("clients", pipeline.world.records("clients")[0]["id"], fullName=12345)
    pipeline.run(CLIENTS)
    sent = b"".join(collector.bodies)
    values = {
        str(value) for record in pipeline.world.records("clients") for value in record.values() if len(str(value)) > 5
    }
    assert len(values) > 50
    secret = {SECRET, "the-token-of-this-test", "Bearer", pipeline.server.base_url}
    assert [each for each in values | secret if each.encode() in sent] == []


@pytest.mark.usefixtures("forgotten")
def test_a_sync_without_a_collector_or_with_tracing_turned_off_sends_nothing_and_imports_nothing(
    pipeline: Pipeline, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert pipeline.run(CLIENTS).success
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.delenv(ENDPOINT)
    assert pipeline.run(CLIENTS).success
    assert (collector.bodies, imported()) == ([], [])


@pytest.mark.usefixtures("forgotten")
def test_a_sync_succeeds_and_says_so_where_the_packages_or_a_variable_of_opentelemetry_are_wrong(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "opentelemetry", None)
        missing.setenv(ENDPOINT, "http://127.0.0.1:9")
        without_packages = pipeline.run(CLIENTS)
    with monkeypatch.context() as wrong:
        wrong.setenv(ENDPOINT, "collector:4318")
        without_address = pipeline.run(CLIENTS)
    assert (without_packages.success, without_address.success) == (True, True)
    assert pipeline.lines(without_packages.run_id).count(exporting.NOT_INSTALLED) == 2
    (first, second) = [line for line in pipeline.lines(without_address.run_id) if "is not traced" in line]
    assert first == second
    assert first.startswith(f"{ENDPOINT} must be an http(s) URL")


def test_a_collector_that_never_answers_holds_up_no_sync_and_its_process_only_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "EXPORT_SECONDS", 0.05)
    job = pipeline.definitions.resolve_job_def(KEYS.job_name(CLIENTS))
    run_id = pipeline.instance.create_run_for_job(job).run_id
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        # As in the process of a run, with the executor of the settings.
        execute_run(InMemoryJob(job), check.not_none(pipeline.instance.get_run_by_id(run_id)), pipeline.instance)
        still_sending = [thread for thread in threading.enumerate() if thread.name == exporting.SENDING]
        assert len(still_sending) == 1, "the run waited until the collector had answered"
    for thread in still_sending:
        thread.join()
    assert pipeline.entry(CLIENTS, run_id).status == "Success"
    assert pipeline.lines(run_id).count(exporting.NOT_ACCEPTED.format(0.05)) == 1
