"""The results of the checks other than the sync log, in a sync or on their own."""

from typing import Any

import dagster as dg
from dagster._core.execution.execution_result import ExecutionResult

from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.entities import Entity
from inn8_pipeline_tests.defs.pipelines import Pipeline

Evaluations = dict[str, dg.AssetCheckEvaluation]


def evaluated(pipeline: Pipeline, run: ExecutionResult) -> Evaluations:
    """Return the run's evaluations of these checks by name; fail if a check was evaluated twice."""
    found: Evaluations = {}
    for event in pipeline.events(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        each = event.asset_check_evaluation_data
        if each.check_name in CHECKS:
            assert each.check_name not in found
            found[each.check_name] = each
    return found


def failed(evaluations: Evaluations) -> set[str]:
    return {name for name, each in evaluations.items() if not each.passed}


def metadata(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


def execute(pipeline: Pipeline, entity: Entity) -> Evaluations:
    """Execute only the checks, in a run of their own, as the button of the UI does."""
    keys = [dg.AssetCheckKey(pipeline.tenant.key(entity), name) for name in CHECKS]
    whole = pipeline.definitions.resolve_implicit_global_asset_job_def()
    job = whole.get_subset(asset_selection=set(), asset_check_selection=set(keys))
    return evaluated(pipeline, job.execute_in_process(instance=pipeline.instance, raise_on_error=True))
