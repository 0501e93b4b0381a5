"""The schedules: which runs a tick requests, in which order, when it requests none, and that its name stays."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from inn8_pipeline.defs import names
from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.instance import pauses
from inn8_pipeline.defs.instance.late_internals import InstigatorStatus
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline.settings import Environment, now, read_sync
from inn8_pipeline_tests.defs.schedule_states import record_state

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def tick(instance: dg.DagsterInstance, name: str) -> ScheduleExecutionData:
    """Evaluate a schedule of the definitions of the settings' defaults."""
    definitions = build(Environment({"INN8_TRANSACTIONS_FROM": "2026-01-01"}))
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=AT, repository_def=definitions.get_repository_def()
    )
    return definitions.resolve_schedule_def(name).evaluate_tick(context)


def requested(instance: dg.DagsterInstance, name: str) -> list[dg.RunRequest]:
    """Return the runs that a tick of the schedule requests."""
    return list(tick(instance, name).run_requests or [])


def open_run(
    instance: dg.DagsterInstance, scheduled: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
) -> str:
    definitions = build(Environment({}))
    run = instance.create_run_for_job(
        definitions.resolve_job_def("clients_sync"),
        tags={names.SCHEDULED_TAG: scheduled},
        status=status,
    )
    return run.run_id


def test_a_tick_asks_for_a_run_of_each_entity_in_order(instance: dg.DagsterInstance) -> None:
    requests = requested(instance, "every_15_minutes")
    window = read_sync(Environment({})).last_days(10)
    selected = [[key.to_user_string() for key in request.asset_selection or ()] for request in requests]
    assert selected == [
        ["raw_clients", "clients"],
        ["raw_portfolios", "portfolios"],
        ["raw_transactions", "securities", "transactions"],
    ]
    assert [request.tags["dagster/priority"] for request in requests] == ["30", "20", "10"]
    assert {request.tags["inn8/tick"] for request in requests} == {"default"}
    of = ("clients", "portfolios", "transactions")
    assert [r.tags["inn8/scheduled"] for r in requests] == [f"default/{entity}" for entity in of]
    assert requests[2].tags[names.RANGE_START_TAG] == window.from_date.isoformat()
    assert requests[2].tags[names.RANGE_END_TAG] == window.to_date.isoformat()
    assert not any(names.RANGE_START_TAG in request.tags for request in requests[:2])
    assert len({request.run_key for request in requests}) == 3
    job = build(Environment({})).resolve_job_def(names.JOB)
    for request in [*requests, *requested(instance, "nightly_sweep")]:
        assert len([tag for tag in {**job.run_tags, **request.tags} if tag.startswith("inn8/")]) == 2


def test_an_entity_whose_scheduled_run_is_open_is_skipped_and_the_others_are_not(instance: dg.DagsterInstance) -> None:
    open_run(instance, "default/clients")
    requests = requested(instance, "every_15_minutes")
    assert [r.tags["inn8/scheduled"] for r in requests] == ["default/portfolios", "default/transactions"]


def test_a_tick_on_which_all_are_busy_says_so_of_each(instance: dg.DagsterInstance) -> None:
    of = ("clients", "portfolios", "transactions")
    runs = {entity: open_run(instance, f"default/{entity}") for entity in of}
    message = tick(instance, "every_15_minutes").skip_message or ""
    for entity, run_id in runs.items():
        assert f"{entity} skipped: run {run_id[:8]} of an earlier tick is still STARTED." in message


def test_a_paused_entity_is_skipped_until_it_is_resumed_and_then_its_days_are_caught_up(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_day() -> str:
        return requested(instance, "every_15_minutes")[-1].tags[names.RANGE_START_TAG]

    settings = read_sync(Environment({"INN8_TRANSACTIONS_FROM": "2026-01-01"}))
    monkeypatch.setattr(pauses, "now", lambda: now() - timedelta(days=4))
    for entity in (CLIENTS, TRANSACTIONS):
        pauses.pause(instance, "default", entity, "anne", "INN8 moves its data")
    pauses.pause(instance, "acme", TRANSACTIONS, "anne", "that of another tenant")
    (request,) = requested(instance, "every_15_minutes")
    assert request.tags["inn8/scheduled"] == "default/portfolios"
    for name in ("nightly_sweep", "weekly_sweep"):
        reason = tick(instance, name).skip_message or ""
        assert reason.startswith("transactions skipped: paused since ")
        assert reason.endswith(" UTC by anne: INN8 moves its data.")
    monkeypatch.setattr(pauses, "now", now)
    pauses.resume(instance, "default", TRANSACTIONS)
    assert first_day() == settings.last_days(14).from_date.isoformat()
    open_run(instance, "default/transactions", dg.DagsterRunStatus.SUCCESS)
    assert first_day() == settings.last_days(10).from_date.isoformat()


@pytest.mark.parametrize("name", ["nightly_sweep", "weekly_sweep"])
def test_a_sweep_asks_for_all_its_days_in_ranges_of_at_most_31(instance: dg.DagsterInstance, name: str) -> None:
    settings = read_sync(Environment({"INN8_TRANSACTIONS_FROM": "2026-01-01"}))
    window = settings.last_days(35) if name == "nightly_sweep" else settings.full_window()
    requests = requested(instance, name)
    ranges = [[date.fromisoformat(r.tags[t]) for t in (names.RANGE_START_TAG, names.RANGE_END_TAG)] for r in requests]
    days = sorted(day for first, last in ranges for day in Window(first, last).days())
    assert days == list(window.days())
    assert max((last - first).days + 1 for first, last in ranges) <= 31
    assert len({request.run_key for request in requests}) == len(requests)
    assert {request.tags[names.PRIORITY_TAG] for request in requests} == {"5"}


def test_a_sweep_whose_last_runs_are_open_asks_for_none(instance: dg.DagsterInstance) -> None:
    open_run(instance, "default/nightly_sweep")
    assert "have not ended" in (tick(instance, "nightly_sweep").skip_message or "")


@pytest.mark.parametrize("minutes", ["1", "5", "15", "30"])
def test_the_name_of_the_tick_does_not_depend_on_how_often_it_ticks(minutes: str) -> None:
    definitions = build(Environment({"INN8_TICK_MINUTES": minutes}))
    schedule = definitions.resolve_schedule_def("every_15_minutes")
    assert schedule.cron_schedule == f"*/{minutes} * * * *"


@pytest.mark.parametrize("own", [None, InstigatorStatus.DECLARED_IN_CODE])
def test_a_tick_that_was_switched_off_under_a_former_name_stays_off(
    instance: dg.DagsterInstance, own: InstigatorStatus | None
) -> None:
    record_state(instance, "every_5_minutes", InstigatorStatus.STOPPED)
    if own:
        record_state(instance, "every_15_minutes", own)
    skipped = tick(instance, "every_15_minutes")
    assert not skipped.run_requests
    assert "turned off under its former name every_5_minutes" in (skipped.skip_message or "")
    states = {each.name: each.status for each in instance.all_instigator_state()}
    assert states["every_15_minutes"] is InstigatorStatus.STOPPED


def test_a_tick_that_was_switched_on_under_its_present_name_ticks(instance: dg.DagsterInstance) -> None:
    record_state(instance, "every_5_minutes", InstigatorStatus.STOPPED)
    record_state(instance, "every_15_minutes", InstigatorStatus.RUNNING)
    assert len(requested(instance, "every_15_minutes")) == 3


def test_another_tenants_schedule_that_is_off_stops_no_tick(instance: dg.DagsterInstance) -> None:
    record_state(instance, "acme__every_5_minutes", InstigatorStatus.STOPPED)
    record_state(instance, "every_5_minutes", InstigatorStatus.DECLARED_IN_CODE)
    assert len(requested(instance, "every_15_minutes")) == 3
