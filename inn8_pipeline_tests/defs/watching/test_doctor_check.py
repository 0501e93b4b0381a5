"""The check `doctor` shows in the UI what `inn8 doctor` finds, with its remedy."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from inn8_pipeline.defs.instance import mutes, pauses
from inn8_pipeline.defs.instance.late_internals import InstigatorStatus
from inn8_pipeline.defs.names import DOCTOR, WATCH_SYSTEM
from inn8_pipeline.defs.schedules.schedules import TICK_SCHEDULE
from inn8_pipeline.defs.watching import doctor_check, findings
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.settings import Environment, now
from inn8_pipeline_tests.defs.alerting.sensors import SensorRunner
from inn8_pipeline_tests.defs.check_results import metadata
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline
from inn8_pipeline_tests.defs.schedule_states import record_state

KEY = dg.AssetCheckKey(KEYS.raw_key(CLIENTS), DOCTOR)


@pytest.fixture
def watched(pipeline: Pipeline) -> findings.Installation:
    """Return what is watched of a pipeline whose daemon is alive."""
    for each in pipeline.instance.get_required_daemon_types():
        pipeline.instance.add_daemon_heartbeat(DaemonHeartbeat(now().timestamp(), each, "of-this-test"))
    repository = pipeline.definitions.get_repository_def()
    return findings.Installation(pipeline.instance, Environment(), repository.schedule_defs, repository.sensor_defs)


def test_a_finding_is_stored_when_it_begins_and_ends_and_once_in_an_hour(
    pipeline: Pipeline, watched: findings.Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = SensorRunner(pipeline, WATCH_SYSTEM)
    (well,) = sensor.evaluate()
    assert (well.asset_check_key, well.passed) == (KEY, True)
    assert list(metadata(well)) == list(findings.CHECKS)
    same = {each.check: each.message for each in findings.examine(watched)} | {
        name: metadata(well)[name]
        for name in ("connections", "disk")  # these numbers change all the time
    }
    assert metadata(well) == same
    assert sensor.evaluate() == []
    stored = record_state(pipeline.instance, TICK_SCHEDULE, InstigatorStatus.STOPPED)
    (off,) = sensor.evaluate()
    assert (off.passed, off.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert off.description == (
        "the schedule: every_15_minutes is off: scheduled syncs do not run. Turn it on in the Dagster UI, under "
        "Automation."
    )
    assert sensor.evaluate() == []
    pipeline.instance.update_instigator_state(stored.with_status(InstigatorStatus.RUNNING))
    assert [each.passed for each in sensor.evaluate()] == [True]
    monkeypatch.setattr(doctor_check, "now", lambda: now() + timedelta(hours=1))
    assert [each.passed for each in sensor.evaluate()] == [True]


@pytest.mark.usefixtures("watched")
def test_its_times_are_in_the_zone_of_the_settings(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INN8_TIMEZONE", "Africa/Johannesburg")
    since = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    mutes.write(pipeline.instance, mutes.Mute(since, now() + timedelta(days=1), "a test"))
    pauses.pause(pipeline.instance, KEYS.tenant_id, CLIENTS, "anne", "a test")
    (stored,) = SensorRunner(pipeline, WATCH_SYSTEM).evaluate()
    assert "muted from 2026-11-24 12:00 SAST, 10:00 UTC to " in metadata(stored)["the alerts"]
    assert " SAST, " in metadata(stored)["pauses"]


@pytest.mark.usefixtures("watched")
def test_the_check_is_executed_in_the_ui_without_a_request_to_inn8(pipeline: Pipeline) -> None:
    record_state(pipeline.instance, "nightly_sweep", InstigatorStatus.STOPPED)
    job = pipeline.definitions.resolve_implicit_global_asset_job_def()
    job.get_subset(asset_selection=set(), asset_check_selection={KEY}).execute_in_process(instance=pipeline.instance)
    (record,) = pipeline.instance.event_log_storage.get_asset_check_execution_history(KEY, limit=2)
    assert isinstance(record.evaluation, dg.AssetCheckEvaluation)
    assert str(record.evaluation.description).startswith("the schedule: nightly_sweep is off")
    assert pipeline.server.stats.requests.total() == 0
