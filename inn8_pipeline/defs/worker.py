"""The application of the Celery workers, which execute steps of runs: `celery -A inn8_pipeline.defs.worker worker`.

Only Celery imports this module. It reads the settings at import, when the worker starts. A worker needs all settings
that a run needs. Steps exchange data through Postgres only, so any worker can execute any step.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from celery import Task
from celery.exceptions import Reject
from celery.utils.log import get_task_logger
from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import serialize_value, unpack_value
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import DBAPIError

from inn8_pipeline.defs.runs.executors import AGAIN_SECONDS, celery_config
from inn8_pipeline.errors import DatabaseError
from inn8_pipeline.settings import Environment, read_database
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import sqlstate_of_refusal

logger = get_task_logger(__name__)
LOST = "the connection that held the lock of the step broke"
OUT_OF_REACH = ("08", "53", "57")
"""Classes of SQLSTATE: the connection, the resources of the server, and its administrator."""
MOST_ATTEMPTS = 30
"""How often in a row a step may find Postgres out of reach, one attempt a minute, before it fails."""
ATTEMPTS = "inn8_attempts"
"""The header of a step in the queue that counts them."""


class StepTask(Task):  # type: ignore[misc]  # Celery has no types
    """A task that executes a step once, although the queue redelivers it if its worker died or if it takes long.

    A worker that receives a step that another worker is executing looks again later. If the step or its run has ended
    by then, the worker executes nothing and returns the step's events again.

    A worker that was cut off from Postgres has lost the lock of its step, and another worker may have taken the step
    over, or even ended it. The first one cannot know that while Postgres is out of reach, and the run must not take
    what it has for the result of the step. So it puts the step back into the queue, and whoever receives it finds out
    under the lock. A worker that cannot reach Postgres when it receives a step does the same, but not for ever: the run
    may have ended meanwhile, and nobody who can take the step may be left.
    """

    # Acknowledge at the end, so that the step of a lost worker is redelivered. A step that killed its own process, for
    # example by running out of memory, is not redelivered: it ends the run, and Dagster limits the retries of a run.
    acks_late = True
    # No limit on how often a worker looks again at a step that another one executes: the run has a time limit.
    max_retries = None

    def __call__(self, execute_step_args_packed: dict[str, Any], executable_dict: dict[str, Any]) -> Sequence[str]:
        """Execute the step unless it has ended, and return its events."""
        request = unpack_value(execute_step_args_packed, as_type=ExecuteStepArgs)
        (step_key,) = request.step_keys_to_execute or ()
        with ExitStack() as held:
            try:
                engine = read_database(Environment()).engine()
                attempt = held.enter_context(locks.alone(engine, locks.step(request.run_id, step_key)))
                ended = events_of_ended_step(request.run_id, step_key) if attempt.is_taken else None
            except (DatabaseError, DagsterPostgresException, DBAPIError) as error:
                attempts = (self.request.headers or {}).get(ATTEMPTS, 0) + 1
                if attempts >= MOST_ATTEMPTS or not is_out_of_reach(error):
                    raise
                logger.warning("%s is put back, as Postgres is out of reach: %s", step_key, type(error).__name__)
                raise self._put_off(attempts) from None
            if not attempt.is_taken:
                raise self._put_off(0)
            if ended is not None:
                return [serialize_value(event) for event in ended]
            events: Sequence[str] = ()
            try:
                events = super().__call__(execute_step_args_packed, executable_dict)
            finally:
                if attempt.is_lost():
                    # Unlike a retry it stores nothing in Redis, which may be out of reach too.
                    raise Reject(LOST, requeue=True)
            return events

    def _put_off(self, attempts: int) -> Exception:
        """Return what to raise so that the step is offered again later, or at once if the queue is out of reach."""
        headers = {**(self.request.headers or {}), ATTEMPTS: attempts}
        try:
            raised: Exception = self.retry(countdown=AGAIN_SECONDS, throw=False, headers=headers)
        except Reject as error:
            # Celery gives a step up, and stores a failure for it, if it cannot write to the queue.
            raised = Reject(error.reason, requeue=True)
        return raised


def is_out_of_reach(error: Exception) -> bool:
    """Return whether the warehouse, or Dagster's storage, may be in reach later, or for another worker.

    Any other error of Postgres, for example a missing right or a wrong password, meets every worker until somebody
    mends it, so it fails the run. No SQLSTATE means that the server did not answer, or why it did not let the worker in
    is not known.
    """
    if isinstance(error, DatabaseError):
        sqlstate = error.sqlstate
    else:
        # Dagster raises its own error from the one of SQLAlchemy when it gives up connecting. It uses psycopg2.
        cause = error.__cause__ if isinstance(error, DagsterPostgresException) else error
        refused = getattr(cause, "orig", None)
        sqlstate = getattr(refused, "pgcode", None) or sqlstate_of_refusal(str(refused))
    return not sqlstate or sqlstate.startswith(OUT_OF_REACH)


def events_of_ended_step(run_id: str, step_key: str) -> list[DagsterEvent] | None:
    """Return the events of a step that must not be executed again.

    Returns:
        The events of the step's last attempt if that has ended, without the failure of a worker that was cut off if the
        step succeeded; an empty list if the run has ended; None if the step is still to be executed.

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
        if any(event.is_step_success for event in events):
            return [event for event in events if not (event.is_step_failure or event.is_step_up_for_retry)]
        return events if any(event.is_step_failure for event in events) else None


app = make_app(CeleryExecutor.for_cli(**celery_config(Environment())).app_args())  # type: ignore[no-untyped-call]
# A worker that was cut off from Redis stores a result once Redis is back. Otherwise Celery stores a failure then, for a
# step that has succeeded or that another worker is executing.
app.conf.result_backend_always_retry = True
execute_plan = create_task(app, base=StepTask)  # type: ignore[no-untyped-call]
