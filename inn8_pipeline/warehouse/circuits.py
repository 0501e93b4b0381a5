"""The circuit breakers' state, shared by every process of a tenant: a row per circuit, by the database's clock.

Here belong the numbers of the breaker (five failures, sixty seconds) and its transitions. What an attempt is, and which
of them fail, is `extract`'s, whose `CircuitStore` this is without knowing it. A row is

    closed      opened_until is null; `failures` counts those in a row
    open        opened_until lies ahead: every attempt is refused
    half-open   opened_until has passed: one attempt, the trial, holds a lease (trial_until) and decides
"""

from threading import Lock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
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
from inn8_pipeline.warehouse.database import guarded
from inn8_pipeline.warehouse.schema.tables import circuits

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 60.0

_NOW = func.clock_timestamp()
_ACTION = "asking the circuit breaker"


class PostgresCircuits:
    """The circuits of one tenant. Used by several threads at a time; close it, or use it as a context manager.

    It keeps one connection open, because it is asked before every page. Each call is one statement, committed at once,
    or two when a circuit is half-open. A success writes only where failures were counted. Raises DatabaseError.
    """

    def __init__(self, engine: Engine, tenant_id: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._tenant_id = tenant_id
        self._lock = Lock()
        self._connection: Connection | None = None
        self._failing: set[str] = set()

    def __enter__(self) -> Self:
        """Nothing is connected yet: that waits for the first question."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connection. Twice is once; a later call opens another."""
        with self._lock:
            self._disconnect()

    def admit(self, circuit: str, lease_seconds: float) -> bool:
        """Let one attempt pass; True if it is the trial of a half-open circuit, with a lease of that length.

        Raises CircuitOpenError while the circuit is open, or another attempt holds the trial's lease.
        """
        state = self._execute(self._state(circuit))
        if state is None or state.opened_until is None:
            if state is not None and state.failures:
                self._failing.add(circuit)
            return False
        if state.open_seconds <= 0 and self._execute(self._lease(circuit, lease_seconds)) is not None:
            return True
        seconds_left = max(state.open_seconds, state.trial_seconds or 0.0)
        raise CircuitOpenError(circuit, state.failures, float(seconds_left))

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """A trial closes the circuit, unless its lease ran out and another trial opened it again.

        Any other attempt ends the row of failures, if this store knows of any; an open circuit is not for it to close.
        """
        if not is_trial and circuit not in self._failing:
            return
        self._failing.discard(circuit)
        mine = circuits.c.opened_until <= _NOW if is_trial else circuits.c.opened_until.is_(None)
        closed = {"failures": 0, "opened_until": null(), "trial_until": null(), "updated_at": _NOW}
        self._execute(update(circuits).where(self._is(circuit), mine, circuits.c.failures > 0).values(closed))

    def failed(self, circuit: str, *, is_trial: bool) -> bool:
        """Count the failure; the fifth in a row, or a trial's, opens the circuit. Returns whether it is open now.

        An attempt that began before the circuit opened, and fails afterwards, does not keep it open for longer.
        """
        self._failing.add(circuit)
        state = self._execute(self._count(circuit, is_trial=is_trial))
        return bool(state is not None and state.is_open)

    def _state(self, circuit: str) -> Executable:
        return select(
            circuits.c.failures,
            circuits.c.opened_until,
            _seconds_to(circuits.c.opened_until).label("open_seconds"),
            _seconds_to(circuits.c.trial_until).label("trial_seconds"),
        ).where(self._is(circuit))

    def _lease(self, circuit: str, lease_seconds: float) -> Executable:
        """Take the trial's lease; of two that try at a time the second sees the first one's lease, and gets no row."""
        is_free = or_(circuits.c.trial_until.is_(None), circuits.c.trial_until <= _NOW)
        return (
            update(circuits)
            .where(self._is(circuit), circuits.c.opened_until <= _NOW, is_free)
            .values(trial_until=_in_seconds(lease_seconds), updated_at=_NOW)
            .returning(circuits.c.failures)
        )

    def _count(self, circuit: str, *, is_trial: bool) -> Executable:
        is_closed = circuits.c.opened_until.is_(None)
        opens = or_(
            and_(is_closed, circuits.c.failures + 1 >= FAILURES_TO_OPEN), and_(~is_closed, literal(value=is_trial))
        )
        counts = or_(is_closed, literal(value=is_trial))
        changed = {
            "failures": case((counts, circuits.c.failures + 1), else_=circuits.c.failures),
            "opened_until": case((opens, _in_seconds(OPEN_SECONDS)), else_=circuits.c.opened_until),
            "trial_until": null() if is_trial else circuits.c.trial_until,
            "updated_at": _NOW,
        }
        first = insert(circuits).values(tenant_id=self._tenant_id, circuit=circuit, failures=1)
        key = [circuits.c.tenant_id, circuits.c.circuit]
        is_open = func.coalesce(circuits.c.opened_until > _NOW, literal(value=False)).label("is_open")
        return first.on_conflict_do_update(index_elements=key, set_=changed).returning(is_open)

    def _is(self, circuit: str) -> ColumnElement[bool]:
        return and_(circuits.c.tenant_id == self._tenant_id, circuits.c.circuit == circuit)

    def _execute(self, statement: Executable) -> Row[Any] | None:
        """The statement's row, if it has one. A connection that failed is not used again."""
        with self._lock, guarded(_ACTION):
            is_sound = False
            try:
                self._connection = self._connection or self._engine.connect()
                result = self._connection.execute(statement)
                row = result.first() if result.returns_rows else None
                is_sound = True
            finally:
                if not is_sound:
                    self._disconnect()
        return row

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _seconds_to(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    return extract("epoch", instant - _NOW)


def _in_seconds(seconds: float) -> ColumnElement[Any]:
    return _NOW + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
