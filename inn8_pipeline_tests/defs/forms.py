"""Launch a job that has a form in the launchpad."""

from typing import Any

from inn8_pipeline_tests.defs.pipelines import Pipeline


def launch(pipeline: Pipeline, job: str, **config: Any) -> tuple[bool, str]:  # noqa: ANN401 (whatever the form has)
    """Launch the job with the values of its form; return whether it succeeded, and its lines or its error."""
    found = pipeline.definitions.resolve_job_def(job)
    (op,) = found.graph.node_names()
    run_config = {"ops": {op: {"config": config}}}
    result = found.execute_in_process(instance=pipeline.instance, run_config=run_config, raise_on_error=False)
    failures = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    described = [each.description or "" for each in failures if each is not None]
    return result.success, "\n".join(described or pipeline.lines(result.run_id))
