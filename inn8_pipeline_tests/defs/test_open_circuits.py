"""An open circuit breaker: a backfill waits for it, a tick fails at once and says what failed last."""

from collections.abc import Callable

import pytest

from inn8_pipeline.defs import names
from inn8_pipeline.defs.partitions import range_tags
from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.errors import CircuitOpenError
from inn8_pipeline.warehouse.circuit_store import PostgresCircuits
from inn8_pipeline_tests.defs.pipelines import TENANT, Pipeline

OPENED = f"""
    insert into inn8.circuits (tenant_id, circuit, failures, opened_until, last_failure, last_failed_at)
    values ('{TENANT}', 'transactions', 5, clock_timestamp() + interval '1 hour',
            'GET /transactions (page 2): INN8 answered 503', '2026-10-30 12:00:00+02')
"""


def test_a_backfill_waits_for_an_open_circuit_and_a_tick_does_not(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for entity in (CLIENTS, PORTFOLIOS):
        assert pipeline.run(entity).success
    pipeline.change(OPENED)
    tick = pipeline.run(TRANSACTIONS, tags={**range_tags(pipeline.window), names.TICK_TAG: TENANT})
    entry = pipeline.entry(TRANSACTIONS, tick.run_id)
    assert entry.status == "Failed"
    assert "The last one at 2026-10-30 10:00:00 UTC: GET /transactions (page 2): INN8 answered 503." in (
        entry.description
    )
    monkeypatch.setattr(PostgresCircuits, "admit", admit_and_end_the_hour(pipeline))
    backfill = pipeline.run(TRANSACTIONS)
    assert pipeline.entry(TRANSACTIONS, backfill.run_id).status == "Success"
    assert [line for line in pipeline.lines(backfill.run_id) if "for the circuit breaker" in line]


def admit_and_end_the_hour(pipeline: Pipeline) -> Callable[[PostgresCircuits, str, float], bool]:
    """Return `admit`, which after it has refused an attempt admits the next one, however late that one comes."""
    admit = PostgresCircuits.admit

    def admit_once_refused(store: PostgresCircuits, circuit: str, lease_seconds: float) -> bool:
        try:
            return admit(store, circuit, lease_seconds)
        except CircuitOpenError:
            pipeline.change("update inn8.circuits set opened_until = clock_timestamp()")
            raise

    return admit_once_refused
