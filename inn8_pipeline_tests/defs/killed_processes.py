"""Runs that kill themselves or their Postgres half-way, executed in children of a fork server.

This module decides when a run is killed; the tests check the state afterwards.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import psycopg
from dagster_postgres import PostgresEventLogStorage

from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.sync_log import failures
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.settings import Environment
from inn8_pipeline_tests.defs.pipelines import KEYS

SERVER = ForkServerContext()
EVENTS, STATEMENTS = "events", "statements"


@dataclass(frozen=True, slots=True)
class KillPoint:
    """When to kill: right before an event that Dagster stores, or before a statement, COPY or commit.

    `number` counts from 1. The run's own process is killed, or every process of the Postgres in `data_folder`, whose
    steps are retried after these waits.
    """

    counted: str
    number: int
    data_folder: Path | None = None
    retry_waits_seconds: tuple[float, ...] = (0.5, 0.5)

    def kill(self) -> None:
        """Send SIGKILL."""
        if self.data_folder is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            kill_server(self.data_folder)


def kill_server(data_folder: Path) -> None:
    """Kill Postgres as a power cut would: all of its processes, and wait until they are gone."""
    postmaster = psutil.Process(int((data_folder / "postmaster.pid").read_text().split("\n", 1)[0]))
    processes = [postmaster, *postmaster.children(recursive=True)]
    for each in processes:
        each.kill()
    psutil.wait_procs(processes, timeout=10)


def run(entity: str, variables: Mapping[str, str], tags: Mapping[str, str], kill_point: KillPoint | None) -> None:
    """Execute one run of the job of the entity, in the instance and the warehouse that the variables name."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_", "INN8_"))]:
        del os.environ[name]
    os.environ.update(variables)
    if kill_point:
        failures.RETRY_WAITS_SECONDS = kill_point.retry_waits_seconds
        _arm(kill_point)
    job = build(Environment()).resolve_job_def(KEYS.job_name(ENTITIES.named(entity)))
    with dg.DagsterInstance.from_config(variables["DAGSTER_HOME"]) as instance:
        instance.optimize_for_webserver(60_000, 3600, 20)
        job.execute_in_process(instance=instance, tags=dict(tags), raise_on_error=False)


def _arm(kill_point: KillPoint) -> None:
    left = iter(range(kill_point.number - 1, -1, -1))

    def killing_at_its_number(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            if next(left, None) == 0:
                kill_point.kill()
            return method(*arguments, **named)

        return call

    if kill_point.counted == EVENTS:
        for name in ("store_event", "store_event_batch"):
            setattr(PostgresEventLogStorage, name, killing_at_its_number(getattr(PostgresEventLogStorage, name)))
    else:
        psycopg.Cursor.execute = killing_at_its_number(psycopg.Cursor.execute)  # type: ignore[method-assign]
        psycopg.Cursor.copy = killing_at_its_number(psycopg.Cursor.copy)  # type: ignore[method-assign]
        psycopg.Connection.commit = killing_at_its_number(psycopg.Connection.commit)  # type: ignore[method-assign]
