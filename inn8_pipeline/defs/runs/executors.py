"""The executors between which INN8_EXECUTOR chooses: they decide where the steps of a run execute.

Celery and Kubernetes are optional extras of the package, so they are imported inside the functions that need them.
Celery's configuration is defined here once, for the run and for its workers.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import _check as check

from inn8_pipeline.errors import SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_celery, read_executor
from inn8_pipeline.tracing.exporting import exporting

if TYPE_CHECKING:
    from inn8_pipeline.defs.runs import process
else:
    process = lazy_module("inn8_pipeline.defs.runs.process")

OFFERED_AGAIN_SECONDS = 120
"""Redis redelivers a step if no worker has ended it within this time. Nearly all steps take less."""
AGAIN_SECONDS = 60
"""The time until a worker looks again at a step that another worker is executing."""
SWEEP_SECONDS = 10
"""The interval at which a worker looks for steps that Redis must redeliver."""
CONNECT_SECONDS = 10
ANSWER_SECONDS = 30
"""The time within which Redis must answer. A worker waits for it and does nothing else meanwhile."""
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}


def executor(environment: Environment) -> dg.ExecutorDefinition:
    """Return the executor that the settings choose.

    Raises:
        SettingsError: The extra that contains the executor is not installed.

    """
    name = read_executor(environment)
    try:
        return _showing_its_process(_EXECUTORS[name](environment))
    except ModuleNotFoundError:
        problem = f"is {name}, whose packages are not installed: install inn8-pipeline[{name}], or choose another"
        raise SettingsError("INN8_EXECUTOR", problem, "in_process") from None


def _showing_its_process(plain: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """Return the executor, extended so that the run's process shows that it is alive while it executes (`process`)."""

    def create(context: dg.InitExecutorContext) -> dg.Executor:
        executor = check.not_none(plain.executor_creation_fn)(context)
        # Keep Dagster's own object: dagster-celery uses more of it than the interface of an executor.
        executor.execute = _executing(executor)  # type: ignore[method-assign]
        return executor

    return dg.ExecutorDefinition(
        plain.name,
        config_schema=plain.config_schema,  # type: ignore[arg-type]  # as Dagster does itself
        requirements=plain.get_requirements,
        executor_creation_fn=create,
        description=plain.description,
    )


def _executing(executor: dg.Executor) -> Callable[..., Iterator[dg.DagsterEvent]]:
    plain = executor.execute

    def execute(plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:  # noqa: ANN401 (Dagster's own)
        with exporting(plan_context.log.warning), process.shown(plan_context.instance, plan_context.run_id):
            process.stop_if_canceled(plan_context.instance, plan_context.run_id)
            yield from plain(plan_context, execution_plan)

    return execute


def celery_config(environment: Environment) -> Mapping[str, Any]:
    """Return Celery's configuration, for the run that requests a step and for the worker that executes it.

    A step is acknowledged when it has ended, not when it is taken, so that none is lost with its worker. RabbitMQ
    redelivers it to another worker as soon as the connection is lost. Redis does not watch connections: it redelivers a
    step some time after it was taken, even if it is still executing. Therefore `worker` takes a lock.
    """
    from dagster_celery.defaults import broker_transport_options  # noqa: PLC0415 (an optional package)

    settings = read_celery(environment)
    transport = {
        **broker_transport_options,
        "visibility_timeout": OFFERED_AGAIN_SECONDS,
        "unacked_restore_interval": SWEEP_SECONDS,
        # Look every time: kombu's default, every tenth time, is for clients that poll.
        "unacked_restore_throttle": 1,
        # A worker locks Redis while it looks. If it is lost meanwhile, the others would not look for five minutes.
        "unacked_mutex_expire": SWEEP_SECONDS,
        # Without them, a worker whose host was cut off waits for an answer that never comes: it takes no step, and
        # answers nobody, until somebody restarts it.
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        "socket_keepalive_options": _keepalive_options(),
    }
    # Without `task_track_started`, Celery reports the step of a run that is being canceled as revoked while a worker
    # still executes it, and the run would end before its step has logged how it ended.
    config = {
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
        "task_track_started": True,
        # The same for the results. Celery's default is two minutes, and none for connecting.
        "redis_socket_timeout": ANSWER_SECONDS,
        "redis_socket_connect_timeout": CONNECT_SECONDS,
    }
    return {"broker": settings.broker, "backend": settings.backend, "config_source": config}


def _keepalive_options() -> dict[int, int]:
    """Return those options of a TCP socket that the operating system has: a broken connection ends within a minute."""
    return {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}


def _celery(environment: Environment) -> dg.ExecutorDefinition:
    """Return the Celery executor. It is configured when a run begins, so that no URL with a password is stored."""
    from dagster_celery import celery_executor  # noqa: PLC0415 (an optional package)

    read_celery(environment)
    return celery_executor.configured(lambda _: dict(celery_config(environment)), name="celery", config_schema={})


def _kubernetes(_: Environment) -> dg.ExecutorDefinition:
    """Return the Kubernetes executor. Steps have the image, secrets and resources of the run's own pod."""
    from dagster_k8s import k8s_job_executor  # noqa: PLC0415 (an optional package)

    return k8s_job_executor


_EXECUTORS = {
    "in_process": lambda _: dg.in_process_executor,
    "multiprocess": lambda _: dg.multiprocess_executor,
    "celery": _celery,
    "kubernetes": _kubernetes,
}
