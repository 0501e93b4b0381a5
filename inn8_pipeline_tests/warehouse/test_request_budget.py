"""The request budget in Postgres: one bucket for all processes of a tenant, and INN8's own limit."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from inn8_pipeline.errors import DatabaseError
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.request_budget import LATE_SECONDS, PostgresBudget, RequestLimit

# Within an hour: no request comes back while a test runs, if the test does not let time pass.
SIXTY = RequestLimit(60, seconds=3600.0)


@pytest.fixture
def engine(warehouse_url: str) -> Engine:
    return connect(warehouse_url)


@pytest.fixture
def budget(engine: Engine) -> Iterator[PostgresBudget]:
    with PostgresBudget(engine, "acme", SIXTY) as opened:
        yield opened


def row(engine: Engine) -> Any:  # noqa: ANN401 (a row)
    with engine.connect() as connection:
        return connection.execute(text("select * from inn8.request_budgets")).one()


def pass_seconds(engine: Engine, seconds: float) -> None:
    """Let time pass for the budget by moving its times into the past."""
    moved = text(
        "update inn8.request_budgets set full_at = full_at - make_interval(secs => :s),"
        " resets_at = resets_at - make_interval(secs => :s)"
    )
    with engine.begin() as connection:
        connection.execute(moved, {"s": seconds})


def take(budget: PostgresBudget, times: int = 1, *, leaves_reserve: bool = False) -> int:
    """Return how many of so many requests were taken."""
    return [budget.take(leaves_reserve=leaves_reserve) for _ in range(times)].count(None)


@pytest.mark.parametrize("requests", [1, 2, 3, 10, 59, 60, 61, 600, 100_000])
def test_no_span_of_a_minute_has_more_requests_than_the_limit_even_if_some_arrive_late(requests: int) -> None:
    limit = RequestLimit(requests)
    within = (limit.seconds + LATE_SECONDS) / limit.interval_seconds
    # The last of them becomes available at the very end of the span.
    assert limit.burst + within - 1 <= requests + 1e-6
    assert 0 <= limit.reserve < limit.burst


def test_a_full_bucket_gives_its_requests_at_once_and_then_one_an_interval(
    budget: PostgresBudget, engine: Engine
) -> None:
    assert take(budget, 5) == SIXTY.burst == 3
    refusal = budget.take(leaves_reserve=False)
    assert refusal is not None
    assert 0 < refusal.wait_seconds <= SIXTY.interval_seconds
    assert not refusal.is_by_server
    pass_seconds(engine, SIXTY.interval_seconds)
    assert take(budget, 2) == 1
    pass_seconds(engine, 3600)
    assert take(budget, 5) == 3


def test_all_processes_of_a_tenant_share_a_bucket_and_another_tenant_has_its_own(
    budget: PostgresBudget, engine: Engine
) -> None:
    assert take(budget, 2) == 2
    with PostgresBudget(engine, "acme", SIXTY) as other, PostgresBudget(engine, "firm", SIXTY) as stranger:
        assert take(other, 5) == 1
        assert take(stranger, 5) == 3


def test_a_backfill_leaves_the_reserve_to_a_tick(budget: PostgresBudget, engine: Engine) -> None:
    assert take(budget, 5, leaves_reserve=True) == SIXTY.burst - SIXTY.reserve == 2
    assert take(budget, 5) == SIXTY.reserve
    pass_seconds(engine, SIXTY.interval_seconds)
    refusal = budget.take(leaves_reserve=True)
    assert refusal is not None
    assert refusal.wait_seconds > SIXTY.interval_seconds / 2
    assert take(budget) == 1


def test_a_request_that_is_taken_costs_one_statement(budget: PostgresBudget, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = []
    run = budget.run

    def note(work: Callable[..., Any]) -> Any:  # noqa: ANN401 (whatever the statement returns)
        statements.append(work)
        return run(work)

    monkeypatch.setattr(budget, "run", note)
    assert take(budget, 3) == 3
    assert len(statements) == 3


def test_a_time_that_a_clock_ahead_has_written_does_not_stop_requests(budget: PostgresBudget, engine: Engine) -> None:
    take(budget, 5)
    budget.heed(0, 100)
    pass_seconds(engine, -86_400)
    assert take(budget) == 1


def test_requests_wait_where_the_servers_limit_is_used_up_until_the_window_ends(engine: Engine) -> None:
    with PostgresBudget(engine, "acme") as budget:
        budget.heed(2, 30)
        assert take(budget, 5) == 2
        refusal = budget.take(leaves_reserve=False)
        assert refusal is not None
        assert refusal.is_by_server
        assert 29 < refusal.wait_seconds <= 30


def test_of_what_two_responses_of_a_window_say_the_least_counts(engine: Engine) -> None:
    with PostgresBudget(engine, "acme") as budget:
        budget.heed(8, 30)
        assert take(budget, 6) == 6
        budget.heed(5, 30)  # of a response that left INN8 before the last requests arrived there
        assert row(engine).remaining == 2
        budget.heed(1, 30)
        assert take(budget, 5) == 1


def test_after_the_window_one_request_goes_alone_and_its_answer_frees_the_others(engine: Engine) -> None:
    with PostgresBudget(engine, "acme") as budget:
        budget.heed(0, 30)
        pass_seconds(engine, 31)
        assert take(budget, 5) == 1
        refusal = budget.take(leaves_reserve=False)
        assert refusal is not None
        assert refusal.wait_seconds < 1
        budget.heed(9, 30)
        assert take(budget, 20) == 9


def test_the_others_go_on_if_the_answer_does_not_come_or_says_nothing_of_a_limit(engine: Engine) -> None:
    with PostgresBudget(engine, "acme") as budget:
        budget.heed(0, 30)
        pass_seconds(engine, 31)
        assert take(budget, 5) == 1
        pass_seconds(engine, 6)
        assert take(budget, 5) == 1
        budget.forget()
        assert take(budget, 50) == 50
        assert row(engine).resets_at is None


def test_a_wait_for_a_reset_that_is_far_away_is_bounded(engine: Engine) -> None:
    with PostgresBudget(engine, "acme") as budget:
        budget.heed(0, 86_400)
        refusal = budget.take(leaves_reserve=False)
        assert refusal is not None
        assert 299 < refusal.wait_seconds <= 300


def test_threads_and_processes_never_take_more_than_there_is(engine: Engine) -> None:
    taken = []

    def take_all() -> None:
        with PostgresBudget(engine, "acme", RequestLimit(2000)) as budget:
            taken.append(take(budget, 60))

    threads = [threading.Thread(target=take_all) for _ in range(4)]
    began_at = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    limit = RequestLimit(2000)
    assert limit.burst <= sum(taken) <= limit.burst + (time.monotonic() - began_at) / limit.interval_seconds + 1


def test_a_process_that_is_killed_while_it_waits_holds_nothing(
    budget: PostgresBudget, engine: Engine, tmp_path: Path
) -> None:
    script = tmp_path / "waits.py"
    script.write_text(
        "import sys, time\n"
        "from inn8_pipeline.warehouse.database import connect\n"
        "from inn8_pipeline.warehouse.request_budget import PostgresBudget, RequestLimit\n"
        "budget = PostgresBudget(connect(sys.argv[1]), 'acme', RequestLimit(60, seconds=3600.0))\n"
        "while budget.take(leaves_reserve=False) is None: pass\n"
        "print('waits', flush=True)\n"
        "time.sleep(60)\n"
    )
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, str(script), url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        os.kill(process.pid, signal.SIGKILL)
    pass_seconds(engine, SIXTY.interval_seconds)
    assert take(budget) == 1


def test_a_failing_database_is_an_error_that_says_so(empty_database: str) -> None:
    with PostgresBudget(connect(empty_database), "acme", SIXTY) as budget, pytest.raises(DatabaseError) as caught:
        budget.take(leaves_reserve=False)
    assert "reading the request budget" in str(caught.value)
