"""The application of a Celery worker, which does the steps of runs: `celery -A inn8_pipeline.defs.worker worker`.

Celery imports this module, and nobody else: it reads the settings when it is imported, as the worker starts. A worker
needs all settings that a run needs. Steps hand nothing to each other but through Postgres, so any worker does any step.
"""

from collections.abc import Sequence
from typing import Any

from celery import Task
from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import serialize_value, unpack_value
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from inn8_pipeline.defs.executors import AGAIN_SECONDS, celery_config
from inn8_pipeline.settings import Environment, read_database_url
from inn8_pipeline.warehouse.alone import alone
from inn8_pipeline.warehouse.database import connect


class StepTask(Task):  # type: ignore[misc]  # Celery has no types
    """A step, done once, though the queue offers it again where its worker has died or where it takes long.

    Whoever comes while another worker is at it comes back later. If it has been done by then, or its run is over,
    nothing is done, and what its events tell is told again.
    """

    # Acknowledged when done, so that the step of a lost worker is offered again. One that broke its own process (it
    # needs more memory than there is, say) is not: that ends the run, and Dagster bounds how often that is retried.
    acks_late = True
    # No bound on coming back later: the run has one.
    max_retries = None

    def __call__(self, execute_step_args_packed: dict[str, Any], executable_dict: dict[str, Any]) -> Sequence[str]:
        """The step's events."""
        asked = unpack_value(execute_step_args_packed, as_type=ExecuteStepArgs)
        (step_key,) = asked.step_keys_to_execute or ()
        with alone(connect(read_database_url(Environment())), f"inn8 step {asked.run_id} {step_key}") as is_alone:
            if not is_alone:
                raise self.retry(countdown=AGAIN_SECONDS)
            told = told_of(asked.run_id, step_key)
            if told is not None:
                return [serialize_value(event) for event in told]
            events: Sequence[str] = super().__call__(execute_step_args_packed, executable_dict)
            return events


def told_of(run_id: str, step_key: str) -> list[DagsterEvent] | None:
    """The events of the step's last attempt if it has succeeded or failed, none if its run is over; None to do it."""
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return []
        events: list[DagsterEvent] = []
        for record in instance.all_logs(run_id):
            event = record.dagster_event
            if event and event.step_key == step_key:
                events = [event] if event.event_type is DagsterEventType.STEP_START else [*events, event]
        return events if any(event.is_step_success or event.is_step_failure for event in events) else None


app = make_app(CeleryExecutor.for_cli(**celery_config(Environment())).app_args())  # type: ignore[no-untyped-call]
execute_plan = create_task(app, base=StepTask)  # type: ignore[no-untyped-call]
