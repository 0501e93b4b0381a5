"""Where the steps of a run execute: the executors that INN8_EXECUTOR chooses between.

Celery and Kubernetes come with extras of the package and are imported only where they are asked for. What Celery needs
to be told is told here, once, to the run and to its workers alike.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment, read_celery, read_executor

OFFERED_AGAIN_SECONDS = 120
"""After which Redis offers a step again that no worker has ended: nearly all are done by then."""
AGAIN_SECONDS = 60
"""After which a worker that was offered what another one is doing looks again."""
SWEEP_SECONDS = 10
"""How often a worker looks for what Redis is to offer again."""


def executor(environment: Environment) -> dg.ExecutorDefinition:
    """The executor of the settings. SettingsError where the extra that it comes with is not installed."""
    name = read_executor(environment)
    try:
        return _EXECUTORS[name](environment)
    except ModuleNotFoundError:
        problem = f"is {name}, whose packages are not installed: install inn8-pipeline[{name}], or do without"
        raise SettingsError("INN8_EXECUTOR", problem, "in_process") from None


def celery_config(environment: Environment) -> Mapping[str, Any]:
    """What both ends of the queue go by: the run that asks for a step, and the worker that does it.

    A step is acknowledged when it is done, not when it is taken, so that none is lost with its worker. RabbitMQ offers
    it to another worker as soon as the connection is gone; Redis, which knows no connections, some time after it was
    taken, and so it does with a step that merely takes long. Hence the lock in `worker`.
    """
    from dagster_celery.defaults import broker_transport_options

    settings = read_celery(environment)
    transport = {
        **broker_transport_options,
        "visibility_timeout": OFFERED_AGAIN_SECONDS,
        "unacked_restore_interval": SWEEP_SECONDS,
        # Look each time: kombu's default, each tenth time, is meant for clients that poll.
        "unacked_restore_throttle": 1,
    }
    # Without `task_track_started`, Celery calls the step of a run that is being canceled revoked while a worker still
    # does it, and the run would be over before its step has logged how that ended.
    told = {
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
        "task_track_started": True,
    }
    return {"broker": settings.broker, "backend": settings.backend, "config_source": told}


def _celery(environment: Environment) -> dg.ExecutorDefinition:
    """Dagster's, which asks for its configuration when a run begins: no URL, which may hold a password, is kept."""
    from dagster_celery import celery_executor

    read_celery(environment)
    return celery_executor.configured(lambda _: dict(celery_config(environment)), name="celery", config_schema={})


def _kubernetes(_: Environment) -> dg.ExecutorDefinition:
    """Dagster's. Image, secrets and resources are those of the run's own pod, as its launcher was told."""
    from dagster_k8s import k8s_job_executor

    return k8s_job_executor


_EXECUTORS = {
    "in_process": lambda _: dg.in_process_executor,
    "multiprocess": lambda _: dg.multiprocess_executor,
    "celery": _celery,
    "kubernetes": _kubernetes,
}
