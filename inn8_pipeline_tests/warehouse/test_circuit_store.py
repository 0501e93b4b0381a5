"""The state of the circuit breakers in Postgres: five failures, sixty seconds, one trial over all processes."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import Engine, select, update

from inn8_pipeline.errors import CircuitOpenError, DatabaseError
from inn8_pipeline.warehouse.circuit_store import FAILURES_TO_OPEN, OPEN_SECONDS, PostgresCircuits
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema.tables import circuits
from inn8_pipeline_tests.daemons import until

LEASE_SECONDS = 30.0
OTHERS = """
    select count(*) from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""
FAILURE = "GET /clients (page 3): INN8 answered 503"


@pytest.fixture
def engine(warehouse_url: str) -> Engine:
    return connect(warehouse_url)


@pytest.fixture
def store(engine: Engine) -> Iterator[PostgresCircuits]:
    with PostgresCircuits(engine, "acme") as opened:
        yield opened


def row(engine: Engine, circuit: str = "clients", tenant_id: str = "acme") -> Any:  # noqa: ANN401 (a row)
    """Return the circuit's row, with the id of the transaction that wrote it; None if there is none."""
    wanted = (circuits.c.tenant_id == tenant_id, circuits.c.circuit == circuit)
    with engine.connect() as connection:
        return connection.execute(
            select(circuits, sqlalchemy.literal_column("xmin::text").label("xmin")).where(*wanted)
        ).first()


def pass_seconds(engine: Engine, seconds: float) -> None:
    """Let time pass for the circuits by moving their times into the past."""
    ago = timedelta(seconds=seconds)
    moved = {"opened_until": circuits.c.opened_until - ago, "trial_until": circuits.c.trial_until - ago}
    with engine.begin() as connection:
        connection.execute(update(circuits).values(moved))


def fail(store: PostgresCircuits, times: int, circuit: str = "clients") -> list[bool]:
    """Admit and fail an attempt so many times; return whether the circuit was open after each."""
    return [store.failed(circuit, FAILURE, is_trial=store.admit(circuit, LEASE_SECONDS)) for _ in range(times)]


def open_circuit(store: PostgresCircuits) -> None:
    fail(store, FAILURES_TO_OPEN)


def refused(store: PostgresCircuits, circuit: str = "clients") -> CircuitOpenError:
    with pytest.raises(CircuitOpenError) as caught:
        store.admit(circuit, LEASE_SECONDS)
    return caught.value


def test_the_numbers_are_the_contracts() -> None:
    assert (FAILURES_TO_OPEN, OPEN_SECONDS) == (5, 60.0)


def test_five_failures_in_a_row_open_the_circuit_for_sixty_seconds(store: PostgresCircuits, engine: Engine) -> None:
    assert fail(store, 5) == [False, False, False, False, True]
    error = refused(store)
    assert (error.circuit, error.failures) == ("clients", 5)
    assert 30 < error.seconds_left <= 60
    pass_seconds(engine, 30)
    assert 0 < refused(store).seconds_left <= 30


def test_an_open_circuit_says_what_failed_last_and_when(store: PostgresCircuits) -> None:
    for number in range(5):
        store.failed("clients", f"GET /clients (page {number}): INN8 answered 503", is_trial=False)
    error = refused(store)
    assert error.last_failure == "GET /clients (page 4): INN8 answered 503"
    assert error.last_failed_at is not None
    assert abs(error.last_failed_at - datetime.now(UTC)) < timedelta(seconds=60)
    assert f"The last one at {error.last_failed_at:%Y-%m-%d %H:%M:%S} UTC: GET /clients (page 4): INN8" in str(error)


def test_what_failed_is_kept_up_to_a_bound(store: PostgresCircuits, engine: Engine) -> None:
    store.failed("clients", "x" * 10_000, is_trial=False)
    assert row(engine).last_failure == "x" * 500


def test_a_success_in_between_resets_the_count_of_failures(store: PostgresCircuits) -> None:
    fail(store, 4)
    store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    assert fail(store, 5) == [False, False, False, False, True]


def test_a_circuit_that_never_failed_is_never_written(store: PostgresCircuits, engine: Engine) -> None:
    for _ in range(3):
        store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    assert row(engine) is None


def test_a_success_writes_only_where_failures_were_counted(store: PostgresCircuits, engine: Engine) -> None:
    fail(store, 1)
    store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    closed = row(engine)
    assert closed.failures == 0
    store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    assert row(engine).xmin == closed.xmin


def test_a_success_does_not_write_what_another_process_has_written(store: PostgresCircuits, engine: Engine) -> None:
    fail(store, 1)
    with PostgresCircuits(engine, "acme") as other:
        other.succeeded("clients", is_trial=other.admit("clients", LEASE_SECONDS))
    closed = row(engine)
    store.succeeded("clients", is_trial=False)
    assert row(engine).xmin == closed.xmin


def test_a_successful_attempt_costs_one_statement(store: PostgresCircuits, monkeypatch: pytest.MonkeyPatch) -> None:
    store.admit("clients", LEASE_SECONDS)  # opens the connection
    executed: list[object] = []
    execute = psycopg.Cursor.execute

    def count(cursor: psycopg.Cursor[Any], *arguments: Any, **named: Any) -> psycopg.Cursor[Any]:  # noqa: ANN401
        executed.append(arguments)
        return execute(cursor, *arguments, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", count)
    for _ in range(3):
        store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    assert len(executed) == 3


def test_failures_that_another_process_counted_are_reset_by_a_success_here(
    store: PostgresCircuits, engine: Engine
) -> None:
    with PostgresCircuits(engine, "acme") as other:
        fail(other, 4)
    store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    assert row(engine).failures == 0


def test_after_sixty_seconds_exactly_one_trial_is_admitted(store: PostgresCircuits, engine: Engine) -> None:
    open_circuit(store)
    pass_seconds(engine, 61)
    assert store.admit("clients", LEASE_SECONDS) is True
    assert 0 < refused(store).seconds_left <= 30


def test_a_trial_that_succeeds_closes_the_circuit(store: PostgresCircuits, engine: Engine) -> None:
    open_circuit(store)
    pass_seconds(engine, 61)
    store.succeeded("clients", is_trial=store.admit("clients", LEASE_SECONDS))
    closed = row(engine)
    assert (closed.failures, closed.opened_until, closed.trial_until) == (0, None, None)
    assert store.admit("clients", LEASE_SECONDS) is False
    assert fail(store, 5)[-1] is True


def test_a_trial_that_fails_opens_the_circuit_for_another_sixty_seconds(
    store: PostgresCircuits, engine: Engine
) -> None:
    open_circuit(store)
    pass_seconds(engine, 61)
    assert fail(store, 1) == [True]
    error = refused(store)
    assert error.failures == 6
    assert 30 < error.seconds_left <= 60
    pass_seconds(engine, 61)
    assert store.admit("clients", LEASE_SECONDS) is True


def test_a_killed_trial_does_not_keep_the_circuit_open(store: PostgresCircuits, engine: Engine) -> None:
    open_circuit(store)
    pass_seconds(engine, 61)
    assert store.admit("clients", LEASE_SECONDS) is True
    pass_seconds(engine, LEASE_SECONDS + 1)
    assert store.admit("clients", LEASE_SECONDS) is True


def test_a_trial_whose_lease_ran_out_does_not_close_what_a_later_one_opened(
    store: PostgresCircuits, engine: Engine
) -> None:
    open_circuit(store)
    pass_seconds(engine, 61)
    slow_trial = store.admit("clients", LEASE_SECONDS)
    pass_seconds(engine, LEASE_SECONDS + 1)
    assert fail(store, 1) == [True]
    store.succeeded("clients", is_trial=slow_trial)
    assert refused(store).seconds_left > 30


def test_an_attempt_from_before_the_circuit_opened_neither_closes_it_nor_keeps_it_open(
    store: PostgresCircuits, engine: Engine
) -> None:
    stragglers = [store.admit("clients", LEASE_SECONDS) for _ in range(2)]
    open_circuit(store)
    pass_seconds(engine, 30)
    assert store.failed("clients", FAILURE, is_trial=stragglers[0]) is True
    store.succeeded("clients", is_trial=stragglers[1])
    assert 0 < refused(store).seconds_left <= 30
    pass_seconds(engine, 31)
    assert store.admit("clients", LEASE_SECONDS) is True
    assert store.failed("clients", FAILURE, is_trial=False) is False
    assert refused(store).seconds_left > 0, "the trial still holds its lease"


def test_circuits_and_tenants_are_independent_of_each_other(store: PostgresCircuits, engine: Engine) -> None:
    open_circuit(store)
    assert store.admit("portfolios", LEASE_SECONDS) is False
    with PostgresCircuits(engine, "another") as other:
        assert other.admit("clients", LEASE_SECONDS) is False
        other.succeeded("clients", is_trial=False)
    assert refused(store).failures == 5


def test_failures_of_many_threads_are_all_counted(store: PostgresCircuits, engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: store.failed("clients", FAILURE, is_trial=False), range(4)))
    assert opened == [False] * 4
    assert row(engine).failures == 4


def test_of_many_stores_that_ask_at_once_one_gets_the_trial(store: PostgresCircuits, engine: Engine) -> None:
    open_circuit(store)
    pass_seconds(engine, 61)
    barrier = threading.Barrier(8)

    def ask(_: int) -> bool:
        with PostgresCircuits(engine, "acme") as mine:
            barrier.wait(60)
            try:
                return mine.admit("clients", LEASE_SECONDS)
            except CircuitOpenError:
                return False

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == [False] * 7 + [True]


ASKER = """
import sys
from inn8_pipeline.errors import CircuitOpenError
from inn8_pipeline.warehouse.circuit_store import PostgresCircuits
from inn8_pipeline.warehouse.database import connect

with PostgresCircuits(connect(sys.argv[1]), "acme") as store:
    store.admit("portfolios", 1.0)
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            print("trial" if store.admit("clients", 30.0) else "closed", flush=True)
        except CircuitOpenError:
            print("open", flush=True)
"""


@pytest.fixture
def processes(warehouse_url: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start two processes that ask for admission at each line of input, and print the result."""
    command = [sys.executable, "-c", ASKER, warehouse_url]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    yield started
    for each in started:
        each.communicate(timeout=20)


def ask_all(processes: list["subprocess.Popen[str]"]) -> list[str]:
    """Return what each process gets when all ask at the same time."""
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("ask\n")
        each.stdin.flush()
    return [answer(each) for each in processes]


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_two_processes_at_one_open_circuit_exactly_one_makes_the_trial(
    store: PostgresCircuits, engine: Engine, processes: list["subprocess.Popen[str]"]
) -> None:
    assert [answer(each) for each in processes] == ["ready", "ready"]
    assert ask_all(processes) == ["closed", "closed"]
    open_circuit(store)
    assert ask_all(processes) == ["open", "open"]
    pass_seconds(engine, 61)
    answers = ask_all(processes)
    assert sorted(answers) == ["open", "trial"]
    assert ask_all(processes) == ["open", "open"]
    # The process that has the trial is killed before it can report the result.
    processes[answers.index("trial")].kill()
    other = processes[answers.index("open")]
    pass_seconds(engine, 31)
    assert ask_all([other]) == ["trial"]
    store.succeeded("clients", is_trial=True)
    assert ask_all([other]) == ["closed"]


def test_one_connection_is_used_for_all_questions(store: PostgresCircuits, engine: Engine) -> None:
    def connections() -> int:
        with engine.connect() as connection:
            return int(connection.execute(sqlalchemy.text(OTHERS)).scalar_one())

    until(lambda: connections() == 0)
    fail(store, 3)
    assert connections() == 1
    store.close()
    store.close()
    until(lambda: connections() == 0)


def test_a_connection_that_was_cut_is_an_error_once_and_then_replaced(
    store: PostgresCircuits, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store.admit("clients", LEASE_SECONDS)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    with pytest.raises(DatabaseError, match="while reading the state of the circuit breaker"):
        store.admit("clients", LEASE_SECONDS)
    assert store.admit("clients", LEASE_SECONDS) is False
    assert caplog.records == []
