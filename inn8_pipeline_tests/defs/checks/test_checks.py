"""The checks beside the sync log: each passes where all is well, and says what to do where it is not."""

from datetime import timedelta

import dagster as dg
import pytest

from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.sandbox.world.world import ABSENT
from inn8_pipeline.settings import Environment, now, read_sync
from inn8_pipeline.warehouse.queries.health import Recency
from inn8_pipeline_tests.defs.checking import evaluated, execute, failed, metadata
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline, day_names


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_after_a_sound_sync_every_check_has_passed(pipeline: Pipeline, entity: Entity) -> None:
    runs = pipeline.run_all()
    found = evaluated(pipeline, runs[entity])
    assert set(found) == set(CHECKS)
    assert failed(found) == set()
    counts = metadata(found["reconciliation"])
    assert counts["on_pages"] == counts["inserted"] == pipeline.world.count(str(entity))  # type: ignore[arg-type]


def test_the_checks_can_be_executed_without_a_sync(pipeline: Pipeline) -> None:
    pipeline.run_all()
    asked = pipeline.server.stats.requests.total()
    assert set(execute(pipeline, TRANSACTIONS)) == set(CHECKS)
    assert pipeline.server.stats.requests.total() == asked


def states(pipeline: Pipeline, run_id: str) -> set[tuple[str | None, str]]:
    """The days and states of what is kept of the run's checks beside the sync log."""
    history = pipeline.instance.event_log_storage.get_asset_check_execution_history
    kept = [row for name in CHECKS for row in history(dg.AssetCheckKey(KEYS.key("transactions"), name), limit=1000)]
    return {(row.partition, row.status.value) for row in kept if row.run_id == run_id}


def test_a_run_of_several_days_leaves_nothing_planned_that_was_not_evaluated(pipeline: Pipeline) -> None:
    runs = pipeline.run_all()
    assert states(pipeline, runs[TRANSACTIONS].run_id) == {(None, "SUCCEEDED")}


def test_nor_does_a_run_that_has_the_checks_as_a_step(pipeline: Pipeline) -> None:
    pipeline.run_all()
    run = pipeline.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=pipeline.instance,
        tags=range_tags(pipeline.window),
        asset_selection=KEYS.keys(TRANSACTIONS),
        raise_on_error=True,
    )
    days = [None, *day_names(pipeline.window)]
    assert states(pipeline, run.run_id) == {(day, "SUCCEEDED") for day in days}
    events = pipeline.events(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    told = [each for each in (event.asset_check_evaluation_data for event in events) if each.check_name in CHECKS]
    assert len(told) == len(CHECKS) * len(days)  # the step's alone, not the merge's beside it


def test_open_rejects_are_counted_by_reason_until_accepted(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(faulty=3)
    found = evaluated(pipeline, pipeline.run(CLIENTS))
    assert failed(found) == {"open_rejects"}
    told = found["open_rejects"]
    assert told.severity is dg.AssetCheckSeverity.WARN
    assert metadata(told)["open"] == sum(metadata(told)["by_reason"].values()) == 3
    assert "`inn8 rejects list --entity clients`" in (told.description or "")
    pipeline.change("update inn8.rejected_records set accepted_at = now()")
    assert failed(execute(pipeline, CLIENTS)) == set()


def test_unlisted_values_are_told_as_codes_alone_also_by_a_sync_that_repeats(pipeline: Pipeline) -> None:
    first, second = (record["id"] for record in pipeline.world.records("clients")[:2])
    pipeline.world.corrupt("clients", first, status="GIFTED")
    pipeline.world.corrupt("clients", second, status="Sipho Dlamini")
    runs = [pipeline.run(CLIENTS), pipeline.run(CLIENTS)]
    for run in runs:
        told = evaluated(pipeline, run)["unknown_values"]
        assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert metadata(told) == {"unknown status": {"records": 2, "values": {"GIFTED": 1}}}
        assert "entities.py" in (told.description or "")
    assert pipeline.entry(CLIENTS, runs[1].run_id).metadata["unchanged"] == 25
    assert pipeline.metadata(runs[1], "clients")["unknown status"]["records"] == 2
    assert not any("Sipho" in text for text in pipeline.storage_text())
    assert pipeline.rows("select count(*) from inn8_raw.landings where counts::text like '%Sipho%'") == [(0,)]


def test_drift_names_a_new_property_and_its_first_day_but_no_value_until_it_is_accepted(pipeline: Pipeline) -> None:
    first = pipeline.world.records("clients")[0]["id"]
    pipeline.world.corrupt("clients", first, loyaltyTier="of-somebody")
    since = now()
    told = evaluated(pipeline, pipeline.run(CLIENTS))["drift"]
    (row,) = metadata(told)["unknown_properties"].records
    assert row.data == {"property": "loyaltyTier", "first_seen_at": f"{since:%Y-%m-%d %H:%M}"}
    assert "inn8 drift accept clients NAME" in (told.description or "")
    assert not any("of-somebody" in text for text in pipeline.storage_text())
    pipeline.change("update inn8.unknown_properties set accepted_at = now()")
    assert evaluated(pipeline, pipeline.run(CLIENTS))["drift"].passed


def test_a_property_that_inn8_stopped_sending_is_told_of_no_more(pipeline: Pipeline) -> None:
    first = pipeline.world.records("clients")[0]["id"]
    pipeline.world.corrupt("clients", first, loyaltyTier="1")
    assert "drift" in failed(evaluated(pipeline, pipeline.run(CLIENTS)))
    pipeline.world.corrupt("clients", first, loyaltyTier=ABSENT)
    pipeline.run(CLIENTS)
    pipeline.change("update inn8.unknown_properties set last_seen_at = last_seen_at - interval '10 days'")
    assert "drift" not in failed(execute(pipeline, CLIENTS))


def test_fewer_records_than_usual_are_told_of(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change(
        "insert into inn8_raw.landings (tenant_id, entity, run_id, started_at, completed_at, record_count)"
        " select tenant_id, entity, run_id, started_at - interval '1 day' * n, completed_at, record_count"
        " from inn8_raw.landings, generate_series(1, 5) n"
    )
    for record in pipeline.world.records("clients")[:2]:
        pipeline.world.remove("clients", record["id"])
    told = evaluated(pipeline, pipeline.run(CLIENTS))["row_drop"]
    assert not told.passed
    assert metadata(told) == {"of": "today's last landing", "count": 23, "usual": 25}


def test_a_weekday_with_far_fewer_transactions_than_the_same_one_before_is_told_of(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(transactions=700, days=70)
    assert "row_drop" not in failed(evaluated(pipeline, pipeline.run(CLIENTS)))
    pipeline.run(PORTFOLIOS)
    assert evaluated(pipeline, pipeline.run(TRANSACTIONS))["row_drop"].passed
    day = metadata(evaluated(pipeline, pipeline.run(TRANSACTIONS))["row_drop"])["of"]
    pipeline.change(f"update inn8.transactions set missing_since = now() where trade_date = '{day}'")
    told = execute(pipeline, TRANSACTIONS)["row_drop"]
    assert not told.passed
    assert metadata(told)["count"] == 0
    assert "public holiday" in (told.description or "")


def test_counts_that_do_not_add_up_are_an_error_of_the_check_and_of_the_log(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change(
        "create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;"
        "create trigger swallow before insert on inn8.portfolios for each row execute function swallow()"
    )
    run = pipeline.run(PORTFOLIOS)
    told = evaluated(pipeline, run)["reconciliation"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert pipeline.entry(PORTFOLIOS, run.run_id).status == "Failed"


def test_pages_that_hold_other_records_than_were_counted_fail_the_law(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change("update inn8_raw.pages set record_count = record_count + 1")
    told = execute(pipeline, CLIENTS)["reconciliation"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_backfill_of_old_days_does_not_make_transactions_look_fresh(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '2 hours'")
    first = type(pipeline.window)(pipeline.window.from_date, pipeline.window.from_date)
    run = pipeline.run(TRANSACTIONS, window=first)
    told = evaluated(pipeline, run)["freshness"]
    assert run.success
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "The data is failed: the last sync that was merged began 2 h 0 min ago" in (told.description or "")


@pytest.mark.parametrize(
    ("minutes", "passed", "is_error"), [(0, True, False), (34, True, False), (36, False, False), (66, False, True)]
)
def test_data_is_late_after_two_ticks_and_failed_after_four(minutes: int, *, passed: bool, is_error: bool) -> None:
    settings = read_sync(Environment({}))
    instant = now()
    recency = Recency(instant, instant - timedelta(minutes=minutes), instant)
    verdict = check_rules.judge_freshness(settings, recency)
    assert (verdict.passed, verdict.is_error) == (passed, is_error)


@pytest.mark.parametrize(("hours", "is_error"), [(0, False), (72, True)])
def test_where_today_was_never_synced_other_days_tell_a_first_load_from_a_standstill(
    hours: int, *, is_error: bool
) -> None:
    instant = now()
    recency = Recency(instant, None, instant - timedelta(hours=hours))
    verdict = check_rules.judge_freshness(read_sync(Environment({})), recency)
    assert (verdict.passed, verdict.is_error) == (False, is_error)
    assert "inn8 doctor" in verdict.advice
