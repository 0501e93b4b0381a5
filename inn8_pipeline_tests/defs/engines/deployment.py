"""A pipeline on Celery: the daemon starts its runs, two workers do their steps.

This module launches runs and reads their results; `processes` runs the programs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import dagster as dg
import psutil
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.sandbox.api.server import LOOPBACK
from inn8_pipeline.settings import now
from inn8_pipeline_tests.daemons import UNSCHEDULED, configure
from inn8_pipeline_tests.defs.engines import processes
from inn8_pipeline_tests.defs.pipelines import Pipeline, day_names

BACKFILL = "celery"
WORKERS = ("one", "two")
COMMITTED, GO_ON = "committed", "go-on"
"""The files of `pausing_after_merge`: its merge is committed and waits; it need not wait any longer."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The processes of a deployment, and its only backfill."""

    pipeline: Pipeline
    workers: dict[str, psutil.Process]
    password: str
    folder: Path

    def backfill(self) -> None:
        """Launch a backfill of all days of transactions, as the UI does."""
        asked = PartitionBackfill.from_asset_partitions(
            backfill_id=BACKFILL,
            asset_graph=self.pipeline.definitions.resolve_asset_graph(),
            partition_names=day_names(self.pipeline.window),
            asset_selection=self.pipeline.tenant.keys(TRANSACTIONS),
            backfill_timestamp=now().timestamp(),
            tags={},
            dynamic_partitions_store=self.pipeline.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        self.pipeline.instance.add_backfill(asked)

    @property
    def status(self) -> BulkActionStatus:
        found = self.pipeline.instance.get_backfill(BACKFILL)
        assert found
        return found.status

    @property
    def runs(self) -> list[dg.DagsterRun]:
        return list(self.pipeline.instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID_TAG: BACKFILL})))

    def takes(self, run_id: str) -> list[tuple[str, str]]:
        """Each time that a worker took a step of the run: which step, which worker."""
        data = [
            (str(event.step_key), event.engine_event_data.metadata.get("Celery worker"))
            for event in self.pipeline.events(run_id, dg.DagsterEventType.ENGINE_EVENT)
        ]
        return [(step, str(name.value).partition("@")[0]) for step, name in data if name]

    @property
    def took_part(self) -> set[str]:
        """The workers that have taken a step of the backfill."""
        return {worker for run in self.runs for _, worker in self.takes(run.run_id)}

    def process(self, run_id: str) -> int:
        """Return the process of the run itself, which waits for its steps."""
        text = " ".join(str(each.message) for each in self.pipeline.events(run_id, dg.DagsterEventType.ENGINE_EVENT))
        found = re.search(r"Started process for run \(pid: (\d+)\)", text)
        assert found
        return int(found.group(1))

    @property
    def put_off(self) -> int:
        """How often a worker was offered a step that another one was at."""
        logs = [(self.folder / f"{name}.log").read_text(encoding="utf-8") for name in WORKERS]
        return sum(log.count("] retry: Retry in") for log in logs)

    def fetching(self) -> tuple[str, str] | None:
        """Return the run that is fetching, and the worker that executes it."""
        for run in self.runs:
            takes = self.takes(run.run_id)
            if takes and not self.pipeline.events(run.run_id, dg.DagsterEventType.STEP_SUCCESS):
                return run.run_id, takes[-1][1]
        return None


@contextmanager
def deployed(  # noqa: PLR0913, PLR0917 (the last two are for workers on other hosts)
    pipeline: Pipeline,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    application: str,
    max_runtime: int,
    address: str = LOOPBACK,
    on_hosts: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Iterator[Deployment]:
    """Run workers and daemon, with clients and portfolios loaded. Runs may take `max_runtime` seconds.

    Redis listens on the address. `on_hosts` has the words that run each worker on its host, if that is another one.
    """
    for entity in (CLIENTS, PORTFOLIOS):
        assert pipeline.run(entity).success
    configure(pipeline.home, max_runtime_seconds=max_runtime, poll_interval_seconds=1, **UNSCHEDULED)
    with ExitStack() as stack:
        url = stack.enter_context(processes.redis(folder, address))
        queue = {"INN8_EXECUTOR": "celery", "INN8_CELERY_BROKER": f"{url}/0", "INN8_CELERY_BACKEND": f"{url}/1"}
        for name, value in {**queue, "DAGSTER_EVENT_BATCH_SIZE": "1000"}.items():
            monkeypatch.setenv(name, value)
        workers = {
            name: stack.enter_context(processes.worker(folder, name, application, on_hosts.get(name, ())))
            for name in WORKERS
        }
        stack.enter_context(processes.daemon(folder))
        yield Deployment(pipeline, workers, url.split(":")[2].partition("@")[0], folder)
