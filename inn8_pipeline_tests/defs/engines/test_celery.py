"""A backfill on Celery, with two workers, of which one is killed in the middle of a step: it ends by itself, exactly.

It needs Redis and takes minutes: `make test-celery`.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import EntityAssets
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs import truth
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.engines import processes
from inn8_pipeline_tests.defs.engines.processes import until
from inn8_pipeline_tests.defs.pipelines import Pipeline, day_names

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server")

# Dagster asks itself in a way that it calls old.
_INSIDE_DAGSTER = "ignore:Function `AssetSelection.sources` is deprecated"

DAYS = 6 * names.MAX_DAYS_PER_RUN
MAX_RUNTIME = 40
LONG = 420
QUICKER = {
    "max_runtime_seconds: 7200": f"max_runtime_seconds: {MAX_RUNTIME}",
    "interval_seconds: 30": "interval_seconds: 2",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """A pipeline whose runs the daemon starts, and whose steps two workers do."""

    pipeline: Pipeline
    password: str
    workers: dict[str, psutil.Process] = field(default_factory=dict)

    def backfill(self) -> str:
        """Ask for all days of transactions, as the UI does; the backfill's id."""
        asked = PartitionBackfill.from_asset_partitions(
            backfill_id="celery",
            asset_graph=self.pipeline.definitions.resolve_asset_graph(),
            partition_names=day_names(self.pipeline.window),
            asset_selection=EntityAssets(Entity.TRANSACTIONS).keys,
            backfill_timestamp=now().timestamp(),
            tags={},
            dynamic_partitions_store=self.pipeline.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        self.pipeline.instance.add_backfill(asked)
        return asked.backfill_id

    def runs(self, backfill_id: str) -> list[dg.DagsterRun]:
        return list(self.pipeline.instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill_id})))

    def steps(self, run_id: str) -> dict[str, str]:
        """Which worker took which step of the run."""
        return {
            str(event.step_key): str(event.engine_event_data.metadata["Celery worker"].value).partition("@")[0]
            for event in self.pipeline.events(run_id, dg.DagsterEventType.ENGINE_EVENT)
            if "Celery worker" in event.engine_event_data.metadata
        }

    def took_part(self, backfill_id: str) -> set[str]:
        return {worker for run in self.runs(backfill_id) for worker in self.steps(run.run_id).values()}

    def fetching(self, backfill_id: str) -> tuple[str, str] | None:
        """The run that has begun to fetch and has not ended that, and the worker that fetches."""
        for run in self.runs(backfill_id):
            has_ended = self.pipeline.events(run.run_id, dg.DagsterEventType.STEP_SUCCESS)
            if not run.is_finished and not has_ended and (steps := self.steps(run.run_id)):
                return run.run_id, steps["raw_transactions"]
        return None

    def status(self, backfill_id: str) -> BulkActionStatus | None:
        found = self.pipeline.instance.get_backfill(backfill_id)
        return found.status if found else None


@pytest.fixture
def deployment(new_pipeline: NewPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Two workers and a daemon; clients and portfolios are in."""
    pipeline = new_pipeline(days=DAYS, transactions=3000)
    assert pipeline.run(Entity.CLIENTS).success
    assert pipeline.run(Entity.PORTFOLIOS).success
    config = pipeline.home / "dagster.yaml"
    text = config.read_text(encoding="utf-8")
    for before, after in QUICKER.items():
        assert before in text
        text = text.replace(before, after)
    config.write_text(text, encoding="utf-8")
    with ExitStack() as stack:
        url = stack.enter_context(processes.redis(tmp_path))
        for name, value in {"EXECUTOR": "celery", "CELERY_BROKER": f"{url}/0", "CELERY_BACKEND": f"{url}/1"}.items():
            monkeypatch.setenv(f"INN8_{name}", value)
        deployed = Deployment(pipeline, password=url.split(":")[2].partition("@")[0])
        for name in ("one", "two"):
            deployed.workers[name] = stack.enter_context(processes.worker(tmp_path, name))
        stack.enter_context(processes.daemon(tmp_path))
        yield deployed


@pytest.mark.filterwarnings(_INSIDE_DAGSTER)
def test_a_backfill_ends_exactly_though_a_worker_was_killed_in_the_middle_of_a_step(deployment: Deployment) -> None:
    pipeline, workers = deployment.pipeline, {"one", "two"}
    backfill = deployment.backfill()
    until(lambda: deployment.took_part(backfill) == workers, LONG)
    slow = pipeline.server.faults.add("delay", "transactions", seconds=LONG)
    until(lambda: slow not in pipeline.server.faults.pending(), LONG)
    run_id, name = until(lambda: deployment.fetching(backfill), LONG)
    processes.strike(deployment.workers[name])
    until(lambda: deployment.status(backfill) in BULK_ACTION_TERMINAL_STATUSES, LONG)
    assert deployment.status(backfill) is BulkActionStatus.COMPLETED_SUCCESS
    assert truth.tables(pipeline) == truth.of(pipeline.world)
