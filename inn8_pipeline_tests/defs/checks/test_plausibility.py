"""The check `plausibility` is evaluated after a sweep and not in a tick, and warns with counts only."""

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline_tests.defs.check_results import metadata
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import KEYS, TENANT, Pipeline


def evaluations(pipeline: Pipeline, run_id: str) -> list[dg.AssetCheckEvaluation]:
    events = pipeline.events(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [event.asset_check_evaluation_data for event in events]
    return [each for each in found if each.check_name == names.PLAUSIBILITY]


def test_a_sweep_evaluates_the_check_a_tick_does_not_and_the_ui_can(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(implausible=2)
    for entity in (CLIENTS, PORTFOLIOS):
        assert pipeline.run(entity).success
    assert evaluations(pipeline, pipeline.run(TRANSACTIONS).run_id) == []
    tags = {**range_tags(pipeline.window), names.SCHEDULED_TAG: f"{TENANT}/nightly_sweep"}
    (found,) = evaluations(pipeline, pipeline.run(TRANSACTIONS, tags=tags).run_id)
    assert (found.passed, found.severity, found.partition) == (False, dg.AssetCheckSeverity.WARN, None)
    assert "`inn8 plausibility --tenant t1` lists them by id" in str(found.description)
    assert metadata(found)["duplicate"] == 2
    assert "TX-I" not in str(found)
    whole = pipeline.definitions.resolve_implicit_global_asset_job_def()
    key = dg.AssetCheckKey(KEYS.key("transactions"), names.PLAUSIBILITY)
    executed = whole.get_subset(asset_selection=set(), asset_check_selection={key})
    run = executed.execute_in_process(instance=pipeline.instance)
    assert [metadata(each)["duplicate"] for each in evaluations(pipeline, run.run_id)] == [2]
