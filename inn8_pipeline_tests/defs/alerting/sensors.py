"""Evaluate the sensors as the daemon does, and receive what they post on a real socket."""

import json
from dataclasses import dataclass, field

import dagster as dg
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from inn8_pipeline_tests.defs.pipelines import Pipeline

WEBHOOK_PATH = "/services/T0/a-secret-path"
HEARTBEAT_PATH = "/ping"


@dataclass
class SensorRunner:
    """A sensor of the definitions, evaluated again and again with its cursor kept."""

    pipeline: Pipeline
    name: str
    cursor: str | None = None
    messages: list[str] = field(default_factory=list)

    def evaluate(self) -> list[dg.AssetCheckEvaluation]:
        """Evaluate the sensor once; return the events that the daemon would store."""
        definitions = self.pipeline.definitions
        context = dg.build_sensor_context(
            instance=self.pipeline.instance, cursor=self.cursor, repository_def=definitions.get_repository_def()
        )
        tick = definitions.resolve_sensor_def(self.name).evaluate_tick(context)
        self.cursor = tick.cursor
        self.messages.append(tick.skip_message or "")
        return [event for event in tick.asset_events if isinstance(event, dg.AssetCheckEvaluation)]


@dataclass(frozen=True)
class Receiver:
    """A server that keeps the texts that are posted to it and the paths that are called, unless it is to fail."""

    server: HTTPServer
    received: list[str]
    statuses: list[int]

    def respond(self, request: Request) -> Response:
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.received.append(json.loads(request.data)["text"] if request.data else request.path)
        return Response(status=status)
