"""A pipeline whose alerts and heartbeats arrive at a server of the test."""

from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer

from inn8_pipeline.defs.build import build
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.defs.alerting.sensors import HEARTBEAT_PATH, WEBHOOK_PATH, Receiver
from inn8_pipeline_tests.defs.pipelines import Pipeline


@pytest.fixture
def receiver(httpserver: HTTPServer) -> Receiver:
    found = Receiver(httpserver, [], [])
    for path in (WEBHOOK_PATH, HEARTBEAT_PATH):
        httpserver.expect_request(path).respond_with_handler(found.respond)
    return found


@pytest.fixture
def alerted(pipeline: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Return the pipeline with a webhook, a heartbeat and a UI in its settings."""
    monkeypatch.setenv("INN8_ALERT_WEBHOOK", receiver.server.url_for(WEBHOOK_PATH))
    monkeypatch.setenv("INN8_HEARTBEAT_URL", receiver.server.url_for(HEARTBEAT_PATH))
    monkeypatch.setenv("INN8_UI_URL", "https://dagster.firm.example/")
    return replace(pipeline, definitions=build(Environment()))
