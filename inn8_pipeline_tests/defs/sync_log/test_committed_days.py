"""A run that is killed after its merge: Dagster counts its days as loaded, and its backfill ends by its days."""

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs.child_runs import begun
from inn8_pipeline_tests.defs.killed_processes import EVENTS, KillPoint
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline, day_names

# Dagster asks itself for it.
pytestmark = pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated")

BACKFILL = "a-backfill"
MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION
TABLES = ("transactions", "securities")


def first_event_of(pipeline: Pipeline, kind: dg.DagsterEventType) -> int:
    """Return which of the stored events of a whole run is the first of its kind, counted from 1."""
    run = pipeline.run(TRANSACTIONS)
    kinds = [each.dagster_event and each.dagster_event.event_type for each in pipeline.instance.all_logs(run.run_id)]
    return kinds.index(kind) + 1


def failed_backfill(pipeline: Pipeline) -> None:
    """Store a backfill of all days that the daemon has ended as failed."""
    asked = PartitionBackfill.from_asset_partitions(
        backfill_id=BACKFILL,
        asset_graph=pipeline.definitions.resolve_asset_graph(),
        partition_names=day_names(pipeline.window),
        asset_selection=KEYS.keys(TRANSACTIONS),
        backfill_timestamp=now().timestamp(),
        tags={},
        dynamic_partitions_store=pipeline.instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    pipeline.instance.add_backfill(asked._replace(status=BulkActionStatus.COMPLETED_FAILED))


def killed(pipeline: Pipeline, event: int) -> dg.DagsterRun:
    """Return a run of the backfill that was killed before this event, and found without a process."""
    pipeline.world.corrupt("transactions", pipeline.world.records("transactions")[0]["id"], description="changed")
    tags = {**range_tags(pipeline.window), "dagster/backfill": BACKFILL}
    with begun(pipeline, TRANSACTIONS, KillPoint(EVENTS, event), tags) as child:
        child.join(60)
    (run,) = pipeline.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": BACKFILL}))
    pipeline.instance.report_run_failed(run)
    for _ in range(2):
        assert killed_runs.write_missing(pipeline.instance, run, "It was killed.") is None
    return run


def status(pipeline: Pipeline) -> BulkActionStatus:
    backfill = pipeline.instance.get_backfill(BACKFILL)
    assert backfill
    return backfill.status


@pytest.fixture
def synced(pipeline: Pipeline) -> Pipeline:
    pipeline.run_all()
    failed_backfill(pipeline)
    return pipeline


@pytest.mark.slow
def test_the_days_of_a_run_that_was_killed_after_its_merge_are_materialized_once(synced: Pipeline) -> None:
    run = killed(synced, first_event_of(synced, dg.DagsterEventType.ASSET_CHECK_EVALUATION))
    assert synced.entry(TRANSACTIONS, run.run_id).status == "Success"
    made = [(each.asset_key, each.partition) for each in synced.events(run.run_id, MATERIALIZATION)]
    raw = KEYS.raw_key(TRANSACTIONS)
    keys = [KEYS.key(table) for table in TABLES]
    expected = [(key, day) for key in [raw, *keys] for day in day_names(synced.window)]
    assert sorted(made, key=str) == sorted(expected, key=str)
    assert status(synced) is BulkActionStatus.REQUESTED


def test_the_days_of_a_run_that_was_killed_before_its_merge_are_not_materialized(synced: Pipeline) -> None:
    run = killed(synced, first_event_of(synced, dg.DagsterEventType.STEP_START))
    assert synced.entry(TRANSACTIONS, run.run_id).status == "Failed"
    assert synced.events(run.run_id, MATERIALIZATION) == []
    assert status(synced) is BulkActionStatus.COMPLETED_FAILED
