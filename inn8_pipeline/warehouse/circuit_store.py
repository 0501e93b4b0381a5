"""The state of the circuit breakers, shared by all processes of a tenant: one row per circuit.

This module implements `extract.breaker.CircuitStore`: five failures in a row open a circuit for sixty seconds, by the
database's clock. A row is

    closed      opened_until is null; `failures` counts the failures in a row
    open        opened_until is in the future: every attempt is refused
    half-open   opened_until has passed: one attempt, the trial, is admitted with a lease (trial_until). Its result
                closes the circuit or opens it again
"""

from datetime import UTC
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Engine,
    Executable,
    Row,
    and_,
    case,
    extract,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from inn8_pipeline.errors import CircuitOpenError
from inn8_pipeline.warehouse.kept_connection import KeptConnection
from inn8_pipeline.warehouse.schema.tables import circuits

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 60.0
MAX_FAILURE_LENGTH = 500

_NOW = func.clock_timestamp()


class PostgresCircuits(KeptConnection):
    """The circuits of one tenant. Safe to use from several threads; close it, or use it as a context manager.

    It keeps one connection open, because it is called before every page. Each call executes one statement, or two if
    the circuit is half-open, and each statement is committed at once. A success is written only after failures. The
    methods raise a DatabaseError if Postgres fails.
    """

    def __init__(self, engine: Engine, tenant_id: str) -> None:
        super().__init__(engine, "reading the state of the circuit breaker")
        self._tenant_id = tenant_id
        self._failing: set[str] = set()

    def admit(self, circuit: str, lease_seconds: float) -> bool:
        """Admit one attempt; return True if it is the trial of a half-open circuit, with a lease of `lease_seconds`.

        Raises:
            CircuitOpenError: The circuit is open, or another attempt holds the trial's lease.

        """
        state = self._execute(self._state(circuit))
        if state is None or state.opened_until is None:
            if state is not None and state.failures:
                self._failing.add(circuit)
            return False
        if state.open_seconds <= 0 and self._execute(self._lease(circuit, lease_seconds)) is not None:
            return True
        seconds_left = max(state.open_seconds, state.trial_seconds or 0.0)
        # The session's time zone may differ: it depends on the settings of the server.
        failed_at = state.last_failed_at and state.last_failed_at.astimezone(UTC)
        raise CircuitOpenError(circuit, state.failures, float(seconds_left), state.last_failure or "", failed_at)

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """Close the circuit after a trial, unless the lease expired and a later trial opened the circuit again.

        Any other attempt resets the count of failures if this store has seen any. It never closes an open circuit.
        """
        if not is_trial and circuit not in self._failing:
            return
        self._failing.discard(circuit)
        mine = circuits.c.opened_until <= _NOW if is_trial else circuits.c.opened_until.is_(None)
        closed = {"failures": 0, "opened_until": null(), "trial_until": null(), "updated_at": _NOW}
        self._execute(update(circuits).where(self._is(circuit), mine, circuits.c.failures > 0).values(closed))

    def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:
        """Count the failure; return True if the circuit is open now.

        The fifth failure in a row opens the circuit, and so does the failure of a trial. An attempt that began before
        the circuit opened does not keep it open for longer. The last failure is stored for the error message.
        """
        self._failing.add(circuit)
        state = self._execute(self._count(circuit, failure[:MAX_FAILURE_LENGTH], is_trial=is_trial))
        return bool(state is not None and state.is_open)

    def _state(self, circuit: str) -> Executable:
        return select(
            circuits.c.failures,
            circuits.c.opened_until,
            circuits.c.last_failure,
            circuits.c.last_failed_at,
            _seconds_to(circuits.c.opened_until).label("open_seconds"),
            _seconds_to(circuits.c.trial_until).label("trial_seconds"),
        ).where(self._is(circuit))

    def _lease(self, circuit: str, lease_seconds: float) -> Executable:
        """Return the statement that takes the trial's lease. Of two attempts, only the first one gets a row."""
        is_free = or_(circuits.c.trial_until.is_(None), circuits.c.trial_until <= _NOW)
        return (
            update(circuits)
            .where(self._is(circuit), circuits.c.opened_until <= _NOW, is_free)
            .values(trial_until=_in_seconds(lease_seconds), updated_at=_NOW)
            .returning(circuits.c.failures)
        )

    def _count(self, circuit: str, failure: str, *, is_trial: bool) -> Executable:
        is_closed = circuits.c.opened_until.is_(None)
        opens = or_(
            and_(is_closed, circuits.c.failures + 1 >= FAILURES_TO_OPEN), and_(~is_closed, literal(value=is_trial))
        )
        counts = or_(is_closed, literal(value=is_trial))
        last = {"last_failure": failure, "last_failed_at": _NOW}
        changed = {
            **last,
            "failures": case((counts, circuits.c.failures + 1), else_=circuits.c.failures),
            "opened_until": case((opens, _in_seconds(OPEN_SECONDS)), else_=circuits.c.opened_until),
            "trial_until": null() if is_trial else circuits.c.trial_until,
            "updated_at": _NOW,
        }
        first = insert(circuits).values(tenant_id=self._tenant_id, circuit=circuit, failures=1, **last)
        key = [circuits.c.tenant_id, circuits.c.circuit]
        is_open = func.coalesce(circuits.c.opened_until > _NOW, literal(value=False)).label("is_open")
        return first.on_conflict_do_update(index_elements=key, set_=changed).returning(is_open)

    def _is(self, circuit: str) -> ColumnElement[bool]:
        return and_(circuits.c.tenant_id == self._tenant_id, circuits.c.circuit == circuit)

    def _execute(self, statement: Executable) -> Row[Any] | None:
        """Return the row of a statement, if it has one."""
        return self.run(lambda connection: _first(connection.execute(statement)))


def _first(result: CursorResult[Any]) -> Row[Any] | None:
    return result.first() if result.returns_rows else None


def _seconds_to(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    return extract("epoch", instant - _NOW)


def _in_seconds(seconds: float) -> ColumnElement[Any]:
    return _NOW + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
