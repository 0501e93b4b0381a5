"""Cancel the runs that have not ended when `inn8 dev` stops."""

import time

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

SECONDS_TO_END = 10.0
_POLL_SECONDS = 0.1
_WAITING = (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED)
_OPEN = (*_WAITING, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)


def cancel(instance: DagsterInstance) -> None:
    """Cancel every open run, and wait up to `SECONDS_TO_END` until those that have started are over."""
    for run in _open(instance):
        if run.status in _WAITING:
            instance.report_run_canceled(run, "`inn8 dev` was stopped before the run began.")
        else:
            instance.run_launcher.terminate(run.run_id)
    ends_at = time.monotonic() + SECONDS_TO_END
    while _open(instance) and time.monotonic() < ends_at:
        time.sleep(_POLL_SECONDS)


def record_as_canceled(instance: DagsterInstance) -> None:
    """Record every run that is still open as canceled. Their processes must already have been killed."""
    for run in _open(instance):
        instance.report_run_canceled(run, "`inn8 dev` was stopped while the run was in progress.")


def _open(instance: DagsterInstance) -> list[DagsterRun]:
    return list(instance.get_runs(RunsFilter(statuses=list(_OPEN))))
