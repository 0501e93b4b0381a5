"""Carry out an erasure in a Dagster run of this process, so that the UI shows it; without one if Dagster is away."""

from collections.abc import Callable

import click
from dagster import in_process_executor

from inn8_pipeline.cli.instance.instance import DagsterStorageError, guarded_instance
from inn8_pipeline.cli.instance.runs import ended_by_signals, run_job
from inn8_pipeline.defs.jobs import erasing
from inn8_pipeline.defs.names import TENANT_TAG
from inn8_pipeline.errors import SettingsError
from inn8_pipeline.settings import Environment
from inn8_pipeline.warehouse.erasure.data_subject import ErasureCounts, OnProgress

_INTERRUPTED = "Interrupted: all or nothing was erased. The same command without --yes shows what is still stored."


def carry_out(
    environment: Environment, tenant_id: str, erase: Callable[[OnProgress], ErasureCounts], on_progress: OnProgress
) -> ErasureCounts:
    """Call `erase` within a run of the job `inn8_erase`, and return what it returns.

    The person's right comes first: if Dagster's storage cannot be used, the erasure is carried out all the same, and a
    line on standard error says that the UI does not show it.

    Args:
        environment: The settings.
        tenant_id: The tenant, which is a tag of the run. Nothing else of the erasure is in the run's configuration.
        erase: The function that erases.
        on_progress: Is called as it comes further, beside the run's log.

    Raises:
        Exception: `erase` has raised it.

    """

    def erase_aloud(log: OnProgress) -> ErasureCounts:
        def both(doing: str, done: int, total: int) -> None:
            on_progress(doing, done, total)
            log(doing, done, total)

        return erase(both)

    erasure = erasing.Erasure(erase_aloud)
    try:
        with guarded_instance(environment) as instance, ended_by_signals(), erasing.offered(erasure):
            run_job(instance, erasing.job(in_process_executor), tags={TENANT_TAG: tenant_id})
    except (SettingsError, DagsterStorageError) as error:
        why = error.condition if isinstance(error, DagsterStorageError) else str(error)
        click.echo(f"The Dagster UI does not show this erasure, or not its end ({why}).", err=True)
        if not erasure.has_begun:
            return erase(on_progress)
    except KeyboardInterrupt:
        click.echo(_INTERRUPTED, err=True)
        raise
    if erasure.error is not None:
        raise erasure.error
    if erasure.erased is None:
        raise KeyboardInterrupt
    return erasure.erased
