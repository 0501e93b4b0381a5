"""An open circuit breaker: a backfill waits for it, a tick fails at once and says what failed last."""

from inn8_pipeline.defs import names
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline

OPEN_SECONDS = 4
OPENED = f"""
    insert into inn8.circuits (tenant_id, circuit, failures, opened_until, last_failure, last_failed_at)
    values ('{TENANT}', 'transactions', 5, clock_timestamp() + interval '{OPEN_SECONDS} s',
            'GET /transactions (page 2): INN8 answered 503', '2026-10-30 12:00:00+02')
"""


def test_a_backfill_waits_for_an_open_circuit_and_a_tick_does_not(pipeline: Pipeline) -> None:
    for entity in (CLIENTS, PORTFOLIOS):
        assert pipeline.run(entity).success
    pipeline.change(OPENED)
    tick = pipeline.run(TRANSACTIONS, tags={**range_tags(pipeline.window), names.TICK_TAG: TENANT})
    entry = pipeline.entry(TRANSACTIONS, tick.run_id)
    assert entry.status == "Failed"
    assert "The last one at 2026-10-30 10:00:00 UTC: GET /transactions (page 2): INN8 answered 503." in (
        entry.description
    )
    backfill = pipeline.run(TRANSACTIONS)
    assert pipeline.entry(TRANSACTIONS, backfill.run_id).status == "Success"
    assert [line for line in pipeline.lines(backfill.run_id) if "for the circuit breaker" in line]
