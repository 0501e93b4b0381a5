"""The application of a Celery worker, which does the steps of runs: `celery -A inn8_pipeline.defs.worker worker`.

Celery imports this module, and nobody else: it reads the settings when it is imported, as the worker starts. A worker
needs all settings that a run needs. Steps hand nothing to each other but through Postgres, so any worker does any step.
"""

from collections.abc import Sequence
from typing import Any

from celery import Task
from dagster import DagsterInstance
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from inn8_pipeline.defs.engines import celery_config
from inn8_pipeline.settings import Environment


class Step(Task):  # type: ignore[misc]  # Celery has no types
    """A step, done unless its run is over: then it comes from a worker that died, and the run was started again."""

    # Acknowledged when done. One whose worker died comes again; one that broke its own process (it needs more memory than
    # there is, say) does not: that ends the run, and Dagster's retries of runs are counted.
    acks_late = True

    def __call__(self, execute_step_args_packed: dict[str, Any], executable_dict: dict[str, Any]) -> Sequence[str]:
        """The step's events; none where it was not done."""
        if _is_over(execute_step_args_packed):
            return []
        events: Sequence[str] = super().__call__(execute_step_args_packed, executable_dict)
        return events


def _is_over(packed: dict[str, Any]) -> bool:
    from dagster._grpc.types import ExecuteStepArgs
    from dagster._serdes import unpack_value

    arguments = unpack_value(packed, as_type=ExecuteStepArgs)
    if arguments.instance_ref is None:
        return False
    with DagsterInstance.from_ref(arguments.instance_ref) as instance:
        run = instance.get_run_by_id(arguments.run_id)
        return run is None or run.is_finished


app = make_app(CeleryExecutor.for_cli(**celery_config(Environment())).app_args())  # type: ignore[no-untyped-call]
execute_plan = create_task(app, base=Step)  # type: ignore[no-untyped-call]
