"""The application of the Celery workers, which execute steps of runs: `celery -A inn8_pipeline.defs.worker worker`.

Only Celery imports this module. It reads the settings at import, when the worker starts. A worker needs all settings
that a run needs. Steps exchange data through Postgres only, so any worker can execute any step.
"""

from collections.abc import Sequence
from typing import Any

from celery import Task
from celery.exceptions import Ignore
from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import serialize_value, unpack_value
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from inn8_pipeline.defs.runs.executors import AGAIN_SECONDS, celery_config
from inn8_pipeline.settings import Environment, read_database
from inn8_pipeline.warehouse import locks


class StepTask(Task):  # type: ignore[misc]  # Celery has no types
    """A task that executes a step once, although the queue redelivers it if its worker died or if it takes long.

    A worker that receives a step that another worker is executing looks again later. If the step or its run has ended
    by then, the worker executes nothing and returns the step's events again.

    A worker that was cut off from Postgres has lost the lock of its step. If another worker is executing the step when
    the first one has ended it, the first one returns nothing, because the run would take that for the step's result.
    """

    # Acknowledge at the end, so that the step of a lost worker is redelivered. A step that killed its own process, for
    # example by running out of memory, is not redelivered: it ends the run, and Dagster limits the retries of a run.
    acks_late = True
    # No limit on how often a worker looks again, because the run has a time limit.
    max_retries = None

    def __call__(self, execute_step_args_packed: dict[str, Any], executable_dict: dict[str, Any]) -> Sequence[str]:
        """Execute the step unless it has ended, and return its events."""
        request = unpack_value(execute_step_args_packed, as_type=ExecuteStepArgs)
        (step_key,) = request.step_keys_to_execute or ()
        with locks.alone(read_database(Environment()).engine(), locks.step(request.run_id, step_key)) as attempt:
            if not attempt.is_taken:
                raise self.retry(countdown=AGAIN_SECONDS)
            ended = events_of_ended_step(request.run_id, step_key)
            if ended is not None:
                return [serialize_value(event) for event in ended]
            events: Sequence[str] = ()
            try:
                events = super().__call__(execute_step_args_packed, executable_dict)
            finally:
                if attempt.is_taken_over():
                    raise Ignore
            return events


def events_of_ended_step(run_id: str, step_key: str) -> list[DagsterEvent] | None:
    """Return the events of a step that must not be executed again.

    Returns:
        The events of the step's last attempt if that has ended; an empty list if the run has ended; None if the step is
        still to be executed.

    """
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
