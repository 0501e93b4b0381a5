"""The request budget of the settings holds in Dagster's runs, and what was waited for is in the log and the plots."""

from collections.abc import Mapping

import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.extract import client as api_client
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline


def test_the_seconds_that_requests_waited_are_in_the_sync_log_and_the_plots(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN8_MAX_REQUESTS_PER_MINUTE", "30")
    assert pipeline.run(CLIENTS).success
    result = pipeline.run(PORTFOLIOS)
    assert result.success
    (waited,) = pipeline.rows("select waited_seconds from inn8.sync_log where entity = 'portfolios'")[0]
    assert waited > 0
    assert pipeline.metadata(result, "raw_portfolios")["waited_seconds"] == waited
    lines = pipeline.lines(result.run_id)
    assert [line for line in lines if f"{waited} s waited for the rate limit" in line]
    assert len([line for line in lines if "INN8_MAX_REQUESTS_PER_MINUTE" in line]) == 1


def test_without_the_setting_no_budget_is_written(pipeline: Pipeline) -> None:
    assert pipeline.run(CLIENTS).success
    assert pipeline.rows("select * from inn8.request_budgets") == []


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({names.TICK_TAG: TENANT, names.SCHEDULED_TAG: "t1/transactions"}, [False]),
        ({names.SCHEDULED_TAG: "t1/nightly"}, [True]),
        ({names.TRIGGER_TAG: "backfill"}, [True]),
        ({}, [False]),
    ],
)
def test_a_backfill_and_a_sweep_leave_the_reserve_to_ticks_and_manual_runs(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tags: Mapping[str, str], expected: list[bool]
) -> None:
    given: list[bool] = []
    new = api_client.Inn8Client

    def note(*values: object, **named: object) -> object:
        given.append(bool(named["leaves_reserve"]))
        return new(*values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(api_client, "Inn8Client", note)
    pipeline.run(TRANSACTIONS, tags={**range_tags(pipeline.window), **tags})
    assert given == expected
