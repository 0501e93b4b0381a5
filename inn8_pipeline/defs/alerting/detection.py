"""What is wrong just now, as the alerting sensors find it: of each check, of each job, of each range of days.

Here belongs what counts as a trouble and what its subject is called. A trouble has one subject: a failed sync its sync
log; a run that has none, or whose log says that all went well, its job; days that a backfill or a sweep could not load,
those days, because the next chunk's success is not theirs.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting.incidents import Found, Incident, Open
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.dagster_internals import PartitionKeyFilter
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import window_of_tags
from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.entities import ENTITIES, Window
from inn8_pipeline.settings import AlertSettings, now

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
LOOKED_BACK = timedelta(hours=1)
"""For the ends of runs of ranges: longer than any wait between two looks."""


def of_checks(instance: dg.DagsterInstance, tenants: Sequence[Tenant], settings: AlertSettings) -> Found:
    """What the newest evaluation of each check says; one that is being evaluated just now says nothing.

    Nor does the log of days that are not the schedule's, and what follows from a failed sync is not told beside it.
    """
    found: dict[str, Incident | None] = {}
    for tenant in tenants:
        for entity in ENTITIES:
            keys = [tenant.log(entity), *(dg.AssetCheckKey(tenant.key(entity), name) for name in CHECKS)]
            of_entity = {key.name: trouble for key, trouble in _newest(instance, keys, settings)}
            logged = of_entity.get(names.SYNC_LOG)
            if logged is not None:
                of_entity.pop("open_rejects", None)
                # A log with a warning does not say that no sync has come since.
                if logged.is_error:
                    of_entity.pop(names.FRESHNESS, None)
            subject = tenant.key(entity).to_user_string()
            found |= {f"{subject}, check {name}": trouble for name, trouble in of_entity.items()}
    return found


def _newest(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey], settings: AlertSettings
) -> Iterator[tuple[dg.AssetCheckKey, Incident | None]]:
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=None)
    )
    for key, record in newest.items():
        run = instance.get_run_by_id(record.run_id) if key.name == names.SYNC_LOG else None
        is_of_days = run is not None and _days_of(run) is not None
        if isinstance(record.evaluation, dg.AssetCheckEvaluation) and not is_of_days:
            yield key, _of_evaluation(record.evaluation, settings)


def _of_evaluation(evaluation: dg.AssetCheckEvaluation, settings: AlertSettings) -> Incident | None:
    is_error = evaluation.severity is dg.AssetCheckSeverity.ERROR
    if evaluation.passed or not (is_error or settings.includes_warnings):
        return None
    link = _link(settings, f"assets/{'/'.join(evaluation.asset_key.path)}?view=checks")
    status = evaluation.metadata.get("status")
    kind = str(status.value) if status else ""
    return Incident.at(now(), f"{evaluation.description or ''}{link}", is_error=is_error, kind=kind)


def of_jobs(instance: dg.DagsterInstance, job_names: Sequence[str], settings: AlertSettings) -> Found:
    """How the newest run of each job ended, where no sync log tells of its failure."""
    found: dict[str, Incident | None] = {}
    for job_name in job_names:
        for run in instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=ENDED), limit=1):
            if run.is_success:
                found[f"job {job_name}"] = None
            elif not _is_told(instance, run):
                found[f"job {job_name}"] = _of_run(run, settings)
    return found


def of_days(instance: dg.DagsterInstance, tenants: Sequence[Tenant], told: Open, settings: AlertSettings) -> Found:
    """Days that a backfill, a sweep or a hand could not load; over when a run that covers them succeeds."""
    ended = dg.RunsFilter(statuses=ENDED, updated_after=now() - LOOKED_BACK)
    found: dict[str, Incident | None] = {}
    for run in reversed(instance.get_runs(ended)):
        window, whose = window_of_tags(run.tags), _whose(run, tenants)
        if window is None:
            continue
        trouble = _of_run(run, settings) if run.is_failure else _held_back(instance, run)
        if trouble is None:
            found |= dict.fromkeys(_covered({**told, **found}, whose, window))
        elif _days_of(run) is not None:
            found[_subject(whose, window)] = trouble
    return found


def _held_back(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Incident | None:
    """What the log of a run that ended well says all the same: that it held removals back, for one."""
    if _days_of(run) is None:
        return None
    for entry in killed_runs.log_of(instance, run):
        if not entry.passed and entry.severity is dg.AssetCheckSeverity.ERROR:
            return Incident.at(now(), entry.description or "", is_error=True)
    return None


def _whose(run: dg.DagsterRun, tenants: Sequence[Tenant]) -> str:
    """The tenant of a run; one that was launched from an asset's page has no tag, but assets."""
    owners = [tenant.tenant_id for tenant in tenants for entity in ENTITIES if _has_one(run, tenant.keys(entity))]
    return run.tags.get(names.TENANT_TAG) or next(iter(owners), "")


def _has_one(run: dg.DagsterRun, keys: Sequence[dg.AssetKey]) -> bool:
    return bool(run.asset_selection) and not set(keys).isdisjoint(run.asset_selection or ())


def _is_told(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a sync log tells that the run has failed, or is about to: it was planned, and nothing is written yet."""
    written = killed_runs.log_of(instance, run)
    return not all(entry.passed for entry in written) if written else killed_runs.has_planned(instance, run)


def _of_run(run: dg.DagsterRun, settings: AlertSettings) -> Incident:
    link = _link(settings, f"runs/{run.run_id}")
    text = f"Run {run.run_id[:8]} has failed; its events in the Dagster UI, and `inn8 log`, tell why.{link}"
    return Incident.at(now(), text, is_error=True)


def _link(settings: AlertSettings, path: str) -> str:
    return f" {settings.ui_url}/{path}" if settings.ui_url else ""


def _days_of(run: dg.DagsterRun) -> Window | None:
    """The days of a run that is not the schedule's tick: a backfill's, a sweep's, a hand's."""
    return None if names.TICK_TAG in run.tags else window_of_tags(run.tags)


_DAYS = "transactions of "


def _subject(whose: str, window: Window) -> str:
    return f"{_DAYS}{window.from_date}..{window.to_date} {whose}".strip()


def _covered(subjects: Found, whose: str, window: Window) -> list[str]:
    """The days told of that lie within the window of a run that succeeded."""
    found = []
    for subject in subjects:
        if subject.startswith(_DAYS) and subject.removeprefix(_DAYS).partition(" ")[2] == whose:
            first, last = (date.fromisoformat(day) for day in subject.removeprefix(_DAYS).split(" ")[0].split(".."))
            if first in window and last in window:
                found.append(subject)
    return found
