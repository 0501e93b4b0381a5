"""Whether those are at work who do it at night: Dagster's daemon, its schedules, Celery's workers. `inn8 doctor` asks.

What a sync needs besides is looked at in `doctor` itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from inn8_pipeline.cli.support.instance import open_instance, storage_guarded
from inn8_pipeline.cli.support.options import tenants_of
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, now, read_celery, read_sync

BEAT_SECONDS = 300
"""Within which each part of the daemon has reported; they do so every half a minute, or when a look of theirs ends."""
QUEUE_SECONDS = 3.0


@dataclass(eq=False)
class NotRunningError(Inn8Error):
    """Somebody is away who is to sync while nobody looks."""

    finding: str
    way_out: str

    def __str__(self) -> str:
        """Who is away, what it means, what to do."""
        return f"{self.finding}: what is to be synced by itself waits. {self.way_out}"


def check_daemon(environment: Environment) -> str:
    """That the daemon reports and every schedule is on; before its first start, that there is none."""
    from inn8_pipeline.defs.dagster_internals import InstigatorStatus, InstigatorType
    from inn8_pipeline.defs.schedules import schedules

    settings = read_sync(environment)
    wanted = [each.name for tenant in tenants_of(environment, None) for each in schedules(settings, tenant)]
    with open_instance(environment) as instance, storage_guarded():
        beats = {name: beat.timestamp for name, beat in instance.get_daemon_heartbeats().items()}
        silent = [name for name in instance.get_required_daemon_types() if name in beats and _is_old(beats[name])]
        states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    if not beats:
        return "no daemon has reported yet: nothing is synced by itself until `dagster-daemon run` is up"
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
    """That Celery's queue can be reached, and who answers there."""
    from inn8_pipeline.defs.executors import executor

    executor(environment)  # a SettingsError where Celery is not installed
    from celery import Celery
    from kombu.exceptions import OperationalError

    way_out = "See that the queue is up, and `celery -A inn8_pipeline.defs.worker worker` on each machine that works."
    app = Celery(broker=read_celery(environment).broker)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=QUEUE_SECONDS)
            answers = app.control.ping(timeout=QUEUE_SECONDS, connection=connection)
    except (OperationalError, KeyError) as error:  # a KeyError: the URL is of a queue that Celery does not know
        condition = type(error.__cause__ or error).__name__
        raise NotRunningError(f"INN8_CELERY_BROKER cannot be reached ({condition})", way_out) from None
    if not answers:
        raise NotRunningError("No worker of Celery's answers", way_out)
    return f"{len(answers)} answer: {', '.join(sorted(name for answer in answers for name in answer))}"
