"""Find incidents in runs: days of trade that were not loaded, and failed runs that no sync log entry reports.

The runs that have ended since the last evaluation are applied in order. A day counts as not loaded from the failure of
a run for it until a later run has loaded it, whatever range that run is for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incident_subjects import Subject, SubjectKind
from inn8_pipeline.defs.alerting.incidents import AlertState, Finding, Found, Incident, days_in, windows_of
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.runs import scope
from inn8_pipeline.defs.sync_log import dry_runs, killed_runs
from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.settings import SyncSettings, now

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
FIRST_LOOKBACK = timedelta(hours=1)
"""The period before the first evaluation of a sensor whose runs are evaluated."""
OVERLAP = timedelta(minutes=5)
"""Evaluations overlap by this period, because the clocks of the machines that record runs differ."""
RUNS_AT_A_TIME = 500
"""The largest number of runs in one evaluation, so that none takes too long after a long stop."""

ASSET_JOB = "__ASSET_JOB"
"""The name of Dagster's job for manual runs from the pages of assets and checks."""

Owner = tuple[Tenant, Entity]


def ended_runs(instance: dg.DagsterInstance, state: AlertState) -> tuple[list[dg.DagsterRun], datetime]:
    """Return the runs that have ended since the last evaluation, in order, and the instant up to which they reach."""
    since = state.runs_until or now() - FIRST_LOOKBACK
    records = instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, updated_after=since - OVERLAP),
        limit=RUNS_AT_A_TIME,
        order_by="update_timestamp",
        ascending=True,
    )
    # A run that ended long ago can be updated again, for example by a new tag.
    fresh = [each for each in records if _ended_at(each) > since - OVERLAP]
    until = max((each.update_timestamp for each in records), default=since)
    return [each.dagster_run for each in sorted(fresh, key=_ended_at)], max(since, until)


def _ended_at(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp


def find(
    instance: dg.DagsterInstance, tenants: Sequence[Tenant], settings: SyncSettings, ui_url: str, state: AlertState
) -> tuple[Found, datetime]:
    """Return the findings of the runs that have ended, and the instant up to which runs have now been evaluated."""
    ended, until = ended_runs(instance, state)
    evaluation = _Evaluation(instance, tenants, settings, ui_url, state.open)
    for run in ended:
        evaluation.apply(run)
    return evaluation.found, until


class _Evaluation:
    """Applies ended runs, in order, to the open incidents of days and jobs."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        tenants: Sequence[Tenant],
        settings: SyncSettings,
        ui_url: str,
        incidents: Mapping[Subject, Incident],
    ) -> None:
        self._instance = instance
        self._tenants = tenants
        self._settings = settings
        self._ui_url = ui_url
        self._open = {subject: incident for subject, incident in incidents.items() if incident.over_at is None}
        self.found: dict[Subject, Finding] = {}
        self._drop_days_no_longer_synced()

    def apply(self, run: dg.DagsterRun) -> None:
        """Apply one run. A dry run changes nothing, and whoever launched it or an erasure sees how it ended."""
        if dry_runs.is_dry(run) or run.job_name == names.ERASE_JOB:
            return
        owners = list(scope.synced(run, self._tenants))
        window = scope.loaded_days(run, self._settings)
        if run.is_failure:
            self._apply_failure(run, owners, window)
        else:
            self._apply_success(run, owners, window)

    def _apply_failure(self, run: dg.DagsterRun, owners: Sequence[Owner], window: Window | None) -> None:
        subjects_of_days = [incident_subjects.of_days(*owner) for owner in owners if owner[1].has_days]
        if window and subjects_of_days and not scope.is_tick(run):
            for subject in subjects_of_days:
                self._add_days(subject, window, self._incident(run))
        elif not _is_logged(self._instance, run) and (owners or run.job_name != ASSET_JOB):
            subject = incident_subjects.of_job(run.job_name, *(owners[0] if len(owners) == 1 else ()))
            self._set(subject, self._incident(run))

    def _apply_success(self, run: dg.DagsterRun, owners: Sequence[Owner], window: Window | None) -> None:
        for tenant, entity in owners:
            if not scope.is_complete_sync(run, tenant, entity):
                continue
            if entity.has_days and window:
                self._apply_loaded_days(run, incident_subjects.of_days(tenant, entity), window)
            if scope.is_tick(run) or not entity.has_days:
                self._end_jobs(tenant, entity)
        self._set(incident_subjects.of_job(run.job_name), None)

    def _apply_loaded_days(self, run: dg.DagsterRun, subject: Subject, window: Window) -> None:
        missing_days = self._days(subject) & days_in([window])
        if scope.is_tick(run) and not missing_days:
            return
        held_back = self._held_back(run)
        if held_back is None:
            self._keep_days(subject, self._days(subject) - missing_days)
        elif not scope.is_tick(run):
            self._add_days(subject, window, held_back)

    def _drop_days_no_longer_synced(self) -> None:
        """End incidents of days before INN8_TRANSACTIONS_FROM, which was moved and whose days are no longer loaded."""
        full = self._settings.full_window()
        for subject in [each for each in self._open if each.kind is SubjectKind.DAYS]:
            days = {day for day in self._days(subject) if day in full}
            if days != self._days(subject):
                self._keep_days(
                    subject, days, "The days are no longer synced, because they are before INN8_TRANSACTIONS_FROM."
                )

    def _days(self, subject: Subject) -> set[date]:
        incident = self._incident_of(subject)
        return days_in(incident.days) if incident else set()

    def _add_days(self, subject: Subject, window: Window, incident: Incident) -> None:
        days = self._days(subject) | days_in([window])
        self._set(subject, replace(incident, days=windows_of(days)))

    def _keep_days(self, subject: Subject, days: set[date], reason: str = "") -> None:
        incident = self._incident_of(subject)
        self._set(subject, replace(incident, days=windows_of(days)) if incident and days else None, reason)

    def _end_jobs(self, tenant: Tenant, entity: Entity) -> None:
        for subject in {**self._open, **self.found}:
            if (subject.kind, subject.tenant, subject.entity) == (SubjectKind.JOB, tenant, entity.name):
                self._set(subject, None)

    def _incident_of(self, subject: Subject) -> Incident | None:
        return self.found[subject].incident if subject in self.found else self._open.get(subject)

    def _set(self, subject: Subject, incident: Incident | None, reason: str = "") -> None:
        self.found[subject] = Finding(incident, reason)

    def _incident(self, run: dg.DagsterRun) -> Incident:
        text = f"The run {run.run_id[:8]} failed. Its events in the Dagster UI and `inn8 log` say why."
        link = url(self._ui_url, f"runs/{run.run_id}")
        return Incident(text, is_error=True, began_at=now(), run_id=run.run_id, url=link)

    def _held_back(self, run: dg.DagsterRun) -> Incident | None:
        """Return the error in the log of a successful run: it held removals back; None if there is no error."""
        errors = [
            entry
            for entry in killed_runs.log_of(self._instance, run)
            if not entry.passed and entry.severity is dg.AssetCheckSeverity.ERROR
        ]
        if not errors:
            return None
        whole = next((entry for entry in errors if entry.partition is None), errors[0])
        return replace(self._incident(run), text=whole.description or "", kind="held back")


def _is_logged(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether a sync log entry reports the failure, or will: it is planned and not yet written."""
    written = killed_runs.log_of(instance, run)
    return not all(entry.passed for entry in written) if written else killed_runs.has_planned(instance, run)
