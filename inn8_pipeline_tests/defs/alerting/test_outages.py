"""An outage is one incident with the tables that it touches: one message when it starts, and one when it is over."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import check_incidents, incident_subjects, sensors
from inn8_pipeline.defs.alerting.incidents import AlertState, Incident
from inn8_pipeline.defs.instance.late_internals import InstigatorStatus, TickStatus
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.defs.schedules.schedules import TICK_SCHEDULE
from inn8_pipeline.defs.sync_log import failures
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS
from inn8_pipeline.settings import now
from inn8_pipeline_tests.defs.alerting.sensors import Receiver, SensorRunner
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline
from inn8_pipeline_tests.defs.schedule_states import record_state, record_tick

OPENED = """
    insert into inn8.circuits (tenant_id, circuit, failures, opened_until, last_failure)
    select 't1', circuit, 5, clock_timestamp() + interval '1 hour', 'GET /clients: INN8 answered 503'
      from unnest(array['clients', 'portfolios', 'transactions']) as circuit
"""
AGED = "update inn8_raw.landings set as_of_at = as_of_at - interval '30 minutes'"


@dataclass
class Clock:
    """The time as the sensors see it."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return now() + self.ahead


@dataclass
class Watch:
    """The three sensors that the daemon evaluates, and a clock for them."""

    pipeline: Pipeline
    clock: Clock
    sensors: list[SensorRunner] = field(init=False)

    def __post_init__(self) -> None:
        self.sensors = [
            SensorRunner(self.pipeline, name)
            for name in ("watch_freshness", "alert_failed_checks", "alert_failed_runs")
        ]

    def evaluate(self) -> None:
        for sensor in self.sensors:
            for evaluation in sensor.evaluate():
                self.pipeline.instance.report_runless_asset_event(evaluation)

    def pass_time(self, minutes: int) -> None:
        """Let the time pass, with an evaluation in every four minutes."""
        for _ in range(minutes // 4):
            self.clock.ahead += timedelta(minutes=4)
            self.evaluate()

    def tick(self) -> None:
        """Sync all entities as a tick does, with evaluations meanwhile; the last entity's run is queued until then."""
        job = self.pipeline.definitions.resolve_job_def(self.pipeline.tenant.job_name(TRANSACTIONS))
        queued = self.pipeline.instance.create_run_for_job(
            job, tags={names.TICK_TAG: TENANT}, status=dg.DagsterRunStatus.NOT_STARTED
        )
        self._set_created_at(queued.run_id)
        for entity in ENTITIES:
            if entity is TRANSACTIONS:
                self.pipeline.instance.delete_run(queued.run_id)
            days = range_tags(self.pipeline.window) if entity.has_days else {}
            self.pipeline.run(entity, tags={**days, names.TICK_TAG: TENANT})
            self.evaluate()

    def _set_created_at(self, run_id: str) -> None:
        """Let Dagster's storage say that the run was created now, by the clock."""
        engine = sqlalchemy.create_engine(self.pipeline.storage_url)
        with engine.begin() as connection:
            created = sqlalchemy.text("update runs set create_timestamp = :at where run_id = :id")
            connection.execute(created, {"at": self.clock.now().replace(tzinfo=None), "id": run_id})
        engine.dispose()


@pytest.fixture
def watch(alerted: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Watch:
    clock = Clock()
    for module in (sensors, check_incidents):
        monkeypatch.setattr(module, "now", clock.now)
    monkeypatch.setenv("INN8_TIMEZONE", "Africa/Johannesburg")
    watch = Watch(alerted, clock)
    watch.tick()
    return watch


@pytest.mark.slow
def test_an_hour_without_inn8_is_two_messages(watch: Watch, receiver: Receiver) -> None:
    watch.pipeline.change(OPENED)
    for _ in range(2):
        watch.tick()
        watch.pipeline.change(AGED)
        watch.pass_time(32)
    watch.pipeline.change("delete from inn8.circuits where circuit <> 'clients'")
    watch.tick()
    assert watch.pipeline.run(CLIENTS, only=["clients"]).success  # a rebuild, which says nothing about INN8
    watch.evaluate()
    assert len(receiver.received) == 1
    watch.pipeline.change("delete from inn8.circuits")
    watch.tick()
    watch.pass_time(20)
    reported, over = receiver.received
    assert reported.startswith("Error: outage of INN8 (clients, portfolios, transactions). Failed. The circuit breaker")
    assert " SAST, " in reported
    assert reported.endswith("https://dagster.firm.example/assets/clients?view=checks")
    # The clock also goes on by itself, for the seconds or minutes that the runs take.
    assert re.match(r"Resolved: outage of INN8 \(clients, portfolios, transactions\), after 1 h [4-9] min \(", over)


@pytest.mark.slow
def test_an_hour_without_the_warehouse_is_two_messages(
    watch: Watch, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "RETRY_WAITS_SECONDS", ())
    with monkeypatch.context() as away:
        away.setenv("INN8_DATABASE_URL", "postgresql+psycopg://inn8@127.0.0.1:1/away")
        watch.tick()
        watch.pass_time(60)
    watch.pipeline.change(AGED)
    watch.pipeline.change(AGED)
    watch.evaluate()
    watch.tick()
    watch.pass_time(20)
    reported, over = receiver.received
    assert reported.startswith("Error: outage of Postgres (clients, portfolios, transactions). Failed. Postgres at ")
    assert over.startswith("Resolved: outage of Postgres (clients, portfolios, transactions), after 1 h")


@pytest.mark.slow
def test_an_hour_without_the_daemon_is_one_message_once_it_ticks_again(watch: Watch, receiver: Receiver) -> None:
    at = now().replace(minute=0, second=0, microsecond=0)
    watch.clock.ahead = at - now() + timedelta(minutes=1)
    schedule = record_state(watch.pipeline.instance, "every_15_minutes", InstigatorStatus.DECLARED_IN_CODE)
    record_tick(watch.pipeline.instance, schedule, at, TickStatus.SKIPPED)
    watch.evaluate()
    watch.clock.ahead += timedelta(minutes=67)
    watch.pipeline.change(AGED)
    watch.pipeline.change(AGED)
    watch.evaluate()
    watch.pass_time(4)
    assert receiver.received == []
    record_tick(watch.pipeline.instance, schedule, at + timedelta(minutes=75), TickStatus.SKIPPED)
    watch.tick()
    watch.pass_time(12)
    (reported,) = receiver.received
    assert reported.startswith("Resolved already: schedule every_15_minutes, after 1 h (")
    assert "4 ticks were missed" in reported


@pytest.mark.slow
def test_an_hour_with_the_schedule_off_is_two_messages(watch: Watch, receiver: Receiver) -> None:
    at = now().replace(minute=0, second=0, microsecond=0)
    watch.clock.ahead = at - now() + timedelta(minutes=1)
    watch.evaluate()
    record_state(watch.pipeline.instance, TICK_SCHEDULE, InstigatorStatus.STOPPED)
    for _ in range(2):
        watch.pass_time(32)
        watch.pipeline.change(AGED)
    schedule = record_state(watch.pipeline.instance, TICK_SCHEDULE, InstigatorStatus.RUNNING, watch.clock.now())
    watch.pass_time(8)
    watch.clock.ahead += timedelta(minutes=2)
    record_tick(watch.pipeline.instance, schedule, at + timedelta(minutes=75), TickStatus.SKIPPED)
    watch.tick()
    watch.pass_time(12)
    reported, over = receiver.received
    assert reported.startswith("Error: schedule every_15_minutes. It was turned off: nothing is synced")
    assert over.startswith("Resolved: schedule every_15_minutes, after 1 h")


def test_stale_data_is_reported_if_no_tick_follows_though_the_daemon_is_back(watch: Watch, receiver: Receiver) -> None:
    watch.evaluate()
    watch.clock.ahead += timedelta(minutes=67)
    watch.pipeline.change(AGED)
    watch.pipeline.change(AGED)
    watch.pipeline.change(AGED)
    watch.evaluate()
    assert receiver.received == []
    watch.pass_time(24)
    assert "Error: clients, check freshness." in receiver.received[0]


def test_only_stale_data_of_a_tenant_whose_tick_is_syncing_may_pass(pipeline: Pipeline) -> None:
    job = pipeline.definitions.resolve_job_def("clients_sync")
    pipeline.instance.create_run_for_job(job, tags={names.TICK_TAG: TENANT}, status=dg.DagsterRunStatus.NOT_STARTED)
    may_pass = check_incidents.may_pass(pipeline.instance, AlertState(), now(), 15)
    incident = Incident("It is late.", is_error=False, began_at=now())
    other = names.Tenant("acme", is_default=False)
    checks = [(pipeline.tenant, names.FRESHNESS), (pipeline.tenant, names.SYNC_LOG), (other, names.FRESHNESS)]
    subjects = [incident_subjects.of_check(tenant, CLIENTS, name) for tenant, name in checks]
    assert [may_pass(subject, incident) for subject in subjects] == [True, False, False]
