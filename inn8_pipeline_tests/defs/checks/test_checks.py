"""The checks other than the sync log pass if the data is right, and otherwise say what to do."""

from datetime import date, timedelta

import dagster as dg
import pytest

from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.checks.asset_checks import CHECKS
from inn8_pipeline.defs.jobs import reject_job
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS, Entity
from inn8_pipeline.sandbox.world.world import ABSENT
from inn8_pipeline.settings import Environment, now, read_sync
from inn8_pipeline.warehouse.queries.health import Recency
from inn8_pipeline_tests.defs.check_results import evaluated, execute, failed, metadata
from inn8_pipeline_tests.defs.conftest import NewPipeline
from inn8_pipeline_tests.defs.forms import launch
from inn8_pipeline_tests.defs.pipelines import KEYS, TENANT, Pipeline, day_names


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_after_a_successful_sync_every_check_has_passed(pipeline: Pipeline, entity: Entity) -> None:
    runs = pipeline.run_all()
    found = evaluated(pipeline, runs[entity])
    assert set(found) == set(CHECKS)
    assert failed(found) == set()
    counts = metadata(found["reconciliation"])
    assert counts["on_pages"] == counts["inserted"] == pipeline.world.count(str(entity))  # type: ignore[arg-type]


def test_the_name_that_reconciliation_had_in_release_0_1_is_evaluated_likewise(pipeline: Pipeline) -> None:
    alias = dg.AssetCheckKey(KEYS.key("clients"), "conservation")
    run = pipeline.run(CLIENTS)
    history = pipeline.instance.event_log_storage.get_asset_check_execution_history
    (record,) = history(alias, limit=10)
    assert (record.run_id, record.status.value) == (run.run_id, "SUCCEEDED")
    assert record.evaluation.metadata == evaluated(pipeline, run)["reconciliation"].metadata  # type: ignore[union-attr]


def test_the_checks_can_be_executed_without_a_sync(pipeline: Pipeline) -> None:
    pipeline.run_all()
    asked = pipeline.server.stats.requests.total()
    assert set(execute(pipeline, TRANSACTIONS)) == set(CHECKS)
    assert pipeline.server.stats.requests.total() == asked


def states(pipeline: Pipeline, run_id: str) -> set[tuple[str | None, str]]:
    """Return the days and states of the stored evaluations of the run's checks."""
    history = pipeline.instance.event_log_storage.get_asset_check_execution_history
    kept = [row for name in CHECKS for row in history(dg.AssetCheckKey(KEYS.key("transactions"), name), limit=1000)]
    return {(row.partition, row.status.value) for row in kept if row.run_id == run_id}


def test_a_run_of_several_days_leaves_nothing_planned_that_was_not_evaluated(pipeline: Pipeline) -> None:
    runs = pipeline.run_all()
    assert states(pipeline, runs[TRANSACTIONS].run_id) == {(None, "SUCCEEDED")}


def test_a_run_with_the_checks_as_a_step_leaves_nothing_planned_that_was_not_evaluated(pipeline: Pipeline) -> None:
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
    evaluations = [event.asset_check_evaluation_data for event in events]
    # Those of the step alone: the merge has added none.
    assert len([each for each in evaluations if each.check_name in CHECKS]) == len(CHECKS) * len(days)


def test_open_rejects_are_counted_by_reason_until_accepted(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(invalid=3)
    found = evaluated(pipeline, pipeline.run(CLIENTS))
    assert failed(found) == {"open_rejects"}
    evaluation = found["open_rejects"]
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert metadata(evaluation)["open"] == sum(metadata(evaluation)["by_reason"].values()) == 3
    assert "`inn8 rejects list --entity clients`" in (evaluation.description or "")
    shown = evaluation.metadata["rejects"]
    assert isinstance(shown, dg.TableMetadataValue)
    ids = [each.data["id"] for each in shown.records]
    assert ids == [row.id for row in pipeline.rows("select id from inn8.rejected_records order by id")]
    assert "CL-X00001" not in str(evaluation)
    form = {"tenant_id": TENANT, "entity": "clients", "by": "anne", "note": "ticket 4711"}
    assert launch(pipeline, reject_job.JOB, **form, action="accept", ids=ids)[0]
    assert failed(execute(pipeline, CLIENTS)) == set()
    accepted = pipeline.rows("select accepted_note, accepted_at is not null from inn8.rejected_records")
    assert set(accepted) == {("ticket 4711 (anne)", True)}

    succeeded, lines = launch(pipeline, reject_job.JOB, **form, action="retry", reason_code="missing_field")
    assert (succeeded, "1 rejects to be tried again by the next sync by anne: ticket 4711" in lines) == (True, True)
    assert metadata(execute(pipeline, CLIENTS)["open_rejects"])["by_reason"] == {"missing_field": 1}
    none, unclear = (launch(pipeline, reject_job.JOB, **form, action="retry", ids=each) for each in ([999], []))
    assert (none[0], "There is no open reject of clients 999." in none[1]) == (False, True)
    assert (unclear[0], "Nothing was changed: name the rejects" in unclear[1]) == (False, True)


def test_an_unlisted_value_is_shown_only_if_many_clients_have_it_also_by_a_sync_that_repeats(
    pipeline: Pipeline,
) -> None:
    statuses = ["Dormant"] * 11 + ["Sipho Dlamini"] * 10 + ["thandi", "hiv-positive"] + ["NKOSI"] * 2
    for record, status in zip(pipeline.world.records("clients"), statuses, strict=True):
        pipeline.world.corrupt("clients", record["id"], status=status)
    runs = [pipeline.run(CLIENTS), pipeline.run(CLIENTS)]
    for run in runs:
        evaluation = evaluated(pipeline, run)["unknown_values"]
        assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
        shown = {"records": 25, "distinct_values": 5, "values": {"Dormant": 11}}
        assert metadata(evaluation) == {"unknown status": shown, "properties": ["status"]}
        assert "status: 25 records, 5 values (Dormant 11)" in (evaluation.description or "")
        assert f"`inn8 drift values clients --tenant {TENANT}`" in (evaluation.description or "")
    assert pipeline.entry(CLIENTS, runs[1].run_id).metadata["unchanged"] == 25
    assert pipeline.metadata(runs[1], "clients")["unknown status"]["records"] == 25
    left = "\n".join(pipeline.storage_text())
    assert "Dormant" in left
    for value in ("Sipho", "thandi", "hiv-positive", "NKOSI"):
        assert value not in left
        assert pipeline.rows(f"select count(*) from inn8_raw.landings where counts::text like '%{value}%'") == [(0,)]


def test_an_unlisted_value_of_many_portfolios_of_one_client_is_not_shown(new_pipeline: NewPipeline) -> None:
    pipeline = new_pipeline(transactions=300)
    for number, record in enumerate(pipeline.world.records("portfolios")):
        owner = {"clientId": "CL-000001", "type": "van-der-merwe"} if number < 15 else {"type": "Offshore"}
        pipeline.world.corrupt("portfolios", record["id"], **owner)
    for record in pipeline.world.records("transactions"):
        value = "thandi" if record["portfolioId"] <= "PF-000015" else "Gift"
        pipeline.world.corrupt("transactions", record["id"], type=value)
    runs = pipeline.run_all()
    portfolios = metadata(evaluated(pipeline, runs[PORTFOLIOS])["unknown_values"])["unknown type"]
    assert (portfolios["distinct_values"], portfolios["values"]) == (2, {"Offshore": 15})
    transactions = metadata(evaluated(pipeline, runs[TRANSACTIONS])["unknown_values"])["unknown type"]
    assert (transactions["distinct_values"], list(transactions["values"])) == (2, ["Gift"])
    left = "\n".join(pipeline.storage_text())
    assert "van-der-merwe" not in left
    assert "thandi" not in left


def test_an_empty_date_is_always_shown(pipeline: Pipeline) -> None:
    first = pipeline.world.records("transactions")[0]["id"]
    pipeline.world.corrupt("transactions", first, settlementDate="0001-01-01T00:00:00")
    runs = pipeline.run_all()
    evaluation = evaluated(pipeline, runs[TRANSACTIONS])["unknown_values"]
    found = {"records": 1, "distinct_values": 1, "values": {"0001-01-01": 1}}
    assert metadata(evaluation) == {"unknown settlementDate": found, "properties": ["settlementDate"]}
    stored = f"select settlement_date from inn8.transactions where external_id = '{first}'"
    assert pipeline.rows(stored) == [(None,)]


def test_drift_names_a_new_property_and_its_first_day_but_no_value_until_it_is_accepted(pipeline: Pipeline) -> None:
    first = pipeline.world.records("clients")[0]["id"]
    pipeline.world.corrupt("clients", first, loyaltyTier="of-somebody")
    before = now()
    evaluation = evaluated(pipeline, pipeline.run(CLIENTS))["drift"]
    after = now()
    (row,) = metadata(evaluation)["unknown_properties"].records
    assert row.data.keys() == {"property", "first_seen_at"}
    assert row.data["property"] == "loyaltyTier"
    assert row.data["first_seen_at"] in {f"{each:%Y-%m-%d %H:%M}" for each in (before, after)}
    assert "inn8 drift accept clients NAME" in (evaluation.description or "")
    assert not any("of-somebody" in text for text in pipeline.storage_text())
    pipeline.change("update inn8.unknown_properties set accepted_at = now()")
    assert evaluated(pipeline, pipeline.run(CLIENTS))["drift"].passed


def test_a_property_that_inn8_has_stopped_sending_no_longer_fails_the_check(pipeline: Pipeline) -> None:
    first = pipeline.world.records("clients")[0]["id"]
    pipeline.world.corrupt("clients", first, loyaltyTier="1")
    assert "drift" in failed(evaluated(pipeline, pipeline.run(CLIENTS)))
    pipeline.world.corrupt("clients", first, loyaltyTier=ABSENT)
    pipeline.run(CLIENTS)
    pipeline.change("update inn8.unknown_properties set last_seen_at = last_seen_at - interval '10 days'")
    assert "drift" not in failed(execute(pipeline, CLIENTS))


def test_fewer_records_than_usual_fail_the_check(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change(
        "insert into inn8_raw.landings (tenant_id, entity, run_id, started_at, completed_at, record_count)"
        " select tenant_id, entity, run_id, started_at - interval '1 day' * n, completed_at, record_count"
        " from inn8_raw.landings, generate_series(1, 5) n"
    )
    for record in pipeline.world.records("clients")[:2]:
        pipeline.world.remove("clients", record["id"])
    evaluation = evaluated(pipeline, pipeline.run(CLIENTS))["row_drop"]
    assert not evaluation.passed
    assert metadata(evaluation) == {"of": "today's last landing", "count": 23, "usual": 25}


@pytest.mark.slow
def test_far_fewer_transactions_than_on_the_same_weekday_before_fail_the_check(
    new_pipeline: NewPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = new_pipeline(transactions=420, days=42)
    assert "row_drop" not in failed(evaluated(pipeline, pipeline.run(CLIENTS)))
    pipeline.run(PORTFOLIOS)
    assert evaluated(pipeline, pipeline.run(TRANSACTIONS))["row_drop"].passed
    day = metadata(evaluated(pipeline, pipeline.run(TRANSACTIONS))["row_drop"])["of"]
    pipeline.change(f"update inn8.transactions set missing_since = now() where trade_date = '{day}'")
    evaluation = execute(pipeline, TRANSACTIONS)["row_drop"]
    assert not evaluation.passed
    assert metadata(evaluation)["count"] == 0
    assert "public holiday" in (evaluation.description or "")
    monkeypatch.setenv("INN8_HOLIDAYS", day)
    of_working_day = execute(pipeline, TRANSACTIONS)["row_drop"]
    assert of_working_day.passed
    assert metadata(of_working_day)["of"] < day
    # Five weeks of this world have the weekday; without two holidays among them, too few are left to compare.
    weeks = [date.fromisoformat(day) - timedelta(weeks=number) for number in (1, 2)]
    monkeypatch.setenv("INN8_HOLIDAYS", ",".join(map(str, weeks)))
    assert metadata(execute(pipeline, TRANSACTIONS)["row_drop"]) == {}


def test_counts_that_do_not_add_up_are_an_error_of_the_check_and_of_the_log(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change(
        "create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;"
        "create trigger swallow before insert on inn8.portfolios for each row execute function swallow()"
    )
    run = pipeline.run(PORTFOLIOS)
    evaluation = evaluated(pipeline, run)["reconciliation"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert pipeline.entry(PORTFOLIOS, run.run_id).status == "Failed"
    alias = dg.AssetCheckKey(KEYS.key("portfolios"), "conservation")
    (record,) = pipeline.instance.event_log_storage.get_asset_check_execution_history(alias, limit=10)
    assert record.status.value == "FAILED"


def test_pages_with_another_number_of_records_than_was_counted_fail_the_check(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change("update inn8_raw.pages set record_count = record_count + 1")
    evaluation = execute(pipeline, CLIENTS)["reconciliation"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_backfill_of_old_days_does_not_make_transactions_look_fresh(pipeline: Pipeline) -> None:
    pipeline.run_all()
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at - interval '2 hours'")
    first = type(pipeline.window)(pipeline.window.from_date, pipeline.window.from_date)
    run = pipeline.run(TRANSACTIONS, window=first)
    evaluation = evaluated(pipeline, run)["freshness"]
    assert run.success
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "The data is failed: the last sync that was merged began 2 h 0 min ago" in (evaluation.description or "")


@pytest.mark.parametrize(
    ("minutes", "passed", "is_error"),
    [(0, True, False), (34, True, False), (36, False, False), (66, False, True), (-4, True, False), (-6, False, True)],
)
def test_data_is_late_after_two_ticks_and_failed_after_four_or_where_it_is_from_the_future(
    minutes: int, *, passed: bool, is_error: bool
) -> None:
    settings = read_sync(Environment({}))
    instant = now()
    recency = Recency(instant, instant - timedelta(minutes=minutes), instant)
    outcome = check_rules.freshness_of(settings, recency)
    assert (outcome.passed, outcome.is_error) == (passed, is_error)


@pytest.mark.parametrize(("hours", "is_error"), [(0, False), (72, True)])
def test_if_today_was_never_synced_the_other_days_distinguish_a_first_load_from_a_standstill(
    hours: int, *, is_error: bool
) -> None:
    instant = now()
    recency = Recency(instant, None, instant - timedelta(hours=hours))
    outcome = check_rules.freshness_of(read_sync(Environment({})), recency)
    assert (outcome.passed, outcome.is_error) == (False, is_error)
    assert "inn8 doctor" in outcome.advice


def test_an_age_below_zero_is_an_error_that_names_the_clock(pipeline: Pipeline) -> None:
    pipeline.run(CLIENTS)
    pipeline.change("update inn8_raw.landings set as_of_at = as_of_at + interval '30 days'")
    evaluation = execute(pipeline, CLIENTS)["freshness"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "in the future: the clock of the database was ahead" in (evaluation.description or "")
