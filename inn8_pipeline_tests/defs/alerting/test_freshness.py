"""The sensor that evaluates the check `freshness` between the syncs, and which sensors are on."""

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.entities import CLIENTS
from inn8_pipeline_tests.defs.alerting.sensors import SensorRunner
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline


def status(definitions: dg.Definitions, name: str) -> dg.DefaultSensorStatus:
    return definitions.resolve_sensor_def(name).default_status


def test_a_sensor_that_reports_to_the_outside_is_off_until_its_address_is_set(
    pipeline: Pipeline, alerted: Pipeline
) -> None:
    reporting = ("alert_failed_checks", "alert_failed_runs", "heartbeat")
    assert {status(pipeline.definitions, name) for name in reporting} == {dg.DefaultSensorStatus.STOPPED}
    assert {status(alerted.definitions, name) for name in reporting} == {dg.DefaultSensorStatus.RUNNING}
    assert status(pipeline.definitions, "watch_freshness") is dg.DefaultSensorStatus.RUNNING


def test_freshness_is_evaluated_when_its_result_changes_and_not_in_between(pipeline: Pipeline) -> None:
    sensor = SensorRunner(pipeline, "watch_freshness")
    assert sensor.evaluate() == []  # nothing was ever synced, so nothing is late
    pipeline.run_all()
    assert sensor.evaluate() == []
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '40 minutes' where entity = 'clients'")
    (late,) = sensor.evaluate()
    assert (late.asset_key, late.check_name, late.passed) == (KEYS.key("clients"), names.FRESHNESS, False)
    assert late.severity is dg.AssetCheckSeverity.WARN
    assert sensor.evaluate() == []
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '40 minutes' where entity = 'clients'")
    (failed,) = sensor.evaluate()
    assert failed.severity is dg.AssetCheckSeverity.ERROR
    pipeline.run(CLIENTS)
    (fresh,) = sensor.evaluate()
    assert fresh.passed


def test_a_cursor_that_cannot_be_read_counts_as_empty(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    sensor = SensorRunner(pipeline, "watch_freshness", cursor="set by hand")
    assert sensor.evaluate() == []
    assert "fresh" in str(sensor.cursor)
