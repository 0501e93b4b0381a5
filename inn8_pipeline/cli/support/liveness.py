"""Check that the daemon, the schedules and the Celery workers are alive: what syncs while nobody watches."""

from dataclasses import dataclass
from datetime import UTC, datetime

from inn8_pipeline.cli.support.instance import open_instance, storage_guarded
from inn8_pipeline.cli.support.options import tenants_of
from inn8_pipeline.defs.dagster_internals import InstigatorStatus, InstigatorType
from inn8_pipeline.defs.executors import executor
from inn8_pipeline.defs.schedules import schedules
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, now, read_celery, read_sync

BEAT_SECONDS = 300
"""How old the heartbeat of a daemon may be. Each is sent every 30 s, or when one iteration of its work ends."""
QUEUE_SECONDS = 3.0


@dataclass(eq=False)
class NotRunningError(Inn8Error):
    """Something that scheduled syncs need is not running."""

    finding: str
    way_out: str

    def __str__(self) -> str:
        """Return what is not running, what it means, and what to do."""
        return f"{self.finding}: scheduled syncs wait. {self.way_out}"


def check_daemon(environment: Environment) -> str:
    """Return that the daemon reports and every schedule is on, or that no daemon was started yet.

    Raises:
        NotRunningError: A daemon has stopped reporting, or a schedule is off.

    """
    settings = read_sync(environment)
    wanted = [each.name for tenant in tenants_of(environment, None) for each in schedules(settings, tenant)]
    with open_instance(environment) as instance, storage_guarded():
        beats = {name: beat.timestamp for name, beat in instance.get_daemon_heartbeats().items()}
        silent = [name for name in instance.get_required_daemon_types() if name in beats and _is_old(beats[name])]
        states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    if not beats:
        return "no daemon has reported yet: nothing is synced on schedule until `dagster-daemon run` is up"
    if silent:
        last = datetime.fromtimestamp(min(beats[name] for name in silent), UTC)
        finding = f"Dagster's daemon has not reported since {last:%Y-%m-%d %H:%M} UTC ({', '.join(silent).lower()})"
        raise NotRunningError(finding, "Start `dagster-daemon run` again; its output says why it ended.")
    off = [state.name for state in states if state.status is InstigatorStatus.STOPPED and state.name in wanted]
    if off:
        raise NotRunningError(f"{', '.join(off)} is off", "Switch it on in the UI, under Automation.")
    return f"the daemon reports, and {len(wanted)} schedules are on"


def _is_old(timestamp: float) -> bool:
    return now().timestamp() - timestamp > BEAT_SECONDS


def check_workers(environment: Environment) -> str:
    """Return which workers answer on Celery's queue.

    Raises:
        NotRunningError: The queue cannot be reached, or no worker answers.

    """
    executor(environment)  # a SettingsError where Celery is not installed
    from celery import Celery
    from kombu.exceptions import OperationalError

    way_out = "Check that the queue is up, and `celery -A inn8_pipeline.defs.worker worker` on each worker's machine."
    app = Celery(broker=read_celery(environment).broker)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=QUEUE_SECONDS)
            answers = app.control.ping(timeout=QUEUE_SECONDS, connection=connection)
    except (OperationalError, KeyError) as error:  # a KeyError: Celery does not know the URL's kind of queue
        condition = type(error.__cause__ or error).__name__
        raise NotRunningError(f"INN8_CELERY_BROKER cannot be reached ({condition})", way_out) from None
    if not answers:
        raise NotRunningError("No Celery worker answers", way_out)
    return f"{len(answers)} answer: {', '.join(sorted(name for answer in answers for name in answer))}"
