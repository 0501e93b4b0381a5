"""Check that Celery's workers answer: with INN8_EXECUTOR=celery, no step runs without them."""

from inn8_pipeline.defs.runs.executors import executor
from inn8_pipeline.defs.watching.liveness import NotRunningError
from inn8_pipeline.settings import Environment, read_celery

QUEUE_SECONDS = 3.0
BUSY_SECONDS = 10.0


def check_workers(environment: Environment) -> str:
    """Return a sentence that names the workers that answer on Celery's queue.

    Raises:
        NotRunningError: The queue cannot be reached, or no worker answers.

    """
    executor(environment)  # raises a SettingsError if the optional package Celery, imported next, is not installed
    from celery import Celery  # noqa: PLC0415 (an optional package)
    from kombu.exceptions import OperationalError  # noqa: PLC0415 (an optional package)

    way_out = "Check the queue, and start `celery -A inn8_pipeline.defs.worker worker` on the workers' machines."
    app = Celery(broker=read_celery(environment).broker)
    # Celery's own timeout is about connecting, and a queue that does not answer would be waited for without end.
    app.conf.broker_transport_options = {"socket_timeout": BUSY_SECONDS, "socket_connect_timeout": QUEUE_SECONDS}
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=QUEUE_SECONDS)
            # Workers on a machine under load may need longer: whoever has an answer does not wait for it.
            answers = app.control.ping(timeout=QUEUE_SECONDS, connection=connection) or app.control.ping(
                timeout=BUSY_SECONDS, connection=connection
            )
    except (OperationalError, KeyError) as error:  # KeyError: Celery does not support the URL's scheme
        condition = type(error.__cause__ or error).__name__
        raise NotRunningError(f"INN8_CELERY_BROKER cannot be reached ({condition})", way_out) from None
    if not answers:
        raise NotRunningError("No Celery worker answers", way_out)
    return f"workers that answer ({len(answers)}): {', '.join(sorted(name for answer in answers for name in answer))}"
