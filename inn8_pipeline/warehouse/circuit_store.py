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

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.errors import CircuitOpenError
from inn8_pipeline.warehouse.database import Statement, execute
from inn8_pipeline.warehouse.kept_connection import KeptConnection

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 60.0
MAX_FAILURE_LENGTH = 500

_STATE = sql.SQL(
    """
    select failures, opened_until, last_failure, last_failed_at,
           extract(epoch from opened_until - clock_timestamp())::float8 as open_seconds,
           extract(epoch from trial_until - clock_timestamp())::float8 as trial_seconds
      from inn8.circuits where tenant_id = %(tenant)s and circuit = %(circuit)s
    """
)
# Of two attempts, only the first one gets a row.
_LEASE = sql.SQL(
    """
    update inn8.circuits
       set trial_until = clock_timestamp() + make_interval(secs => %(lease)s), updated_at = clock_timestamp()
     where tenant_id = %(tenant)s and circuit = %(circuit)s and opened_until <= clock_timestamp()
       and (trial_until is null or trial_until <= clock_timestamp())
    returning failures
    """
)
_CLOSE = sql.SQL(
    """
    update inn8.circuits
       set failures = 0, opened_until = null, trial_until = null, updated_at = clock_timestamp()
     where tenant_id = %(tenant)s and circuit = %(circuit)s and failures > 0
       and case when %(is_trial)s then opened_until <= clock_timestamp() else opened_until is null end
    """
)
# A failure counts, and may open the circuit, unless the circuit has opened since its attempt began.
_COUNT = sql.SQL(
    """
    insert into inn8.circuits as c (tenant_id, circuit, failures, last_failure, last_failed_at)
    values (%(tenant)s, %(circuit)s, 1, %(failure)s, clock_timestamp())
        on conflict (tenant_id, circuit) do update
       set last_failure = excluded.last_failure,
           last_failed_at = clock_timestamp(),
           failures = case when c.opened_until is null or %(is_trial)s then c.failures + 1 else c.failures end,
           opened_until = case when c.opened_until is null and c.failures + 1 >= %(failures_to_open)s
                                 or c.opened_until is not null and %(is_trial)s
                               then clock_timestamp() + make_interval(secs => %(open_seconds)s)
                               else c.opened_until end,
           trial_until = case when %(is_trial)s then null else c.trial_until end,
           updated_at = clock_timestamp()
    returning coalesce(c.opened_until > clock_timestamp(), false) as is_open
    """
)


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
        state = self._execute(_STATE, circuit)
        if state is None or state["opened_until"] is None:
            if state is not None and state["failures"]:
                self._failing.add(circuit)
            return False
        if state["open_seconds"] <= 0 and self._execute(_LEASE, circuit, lease=lease_seconds) is not None:
            return True
        seconds_left = max(state["open_seconds"], state["trial_seconds"] or 0.0)
        # The session's time zone may differ: it depends on the settings of the server.
        failed_at = state["last_failed_at"] and state["last_failed_at"].astimezone(UTC)
        raise CircuitOpenError(circuit, state["failures"], seconds_left, state["last_failure"] or "", failed_at)

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """Close the circuit after a trial, unless the lease expired and a later trial opened the circuit again.

        Any other attempt resets the count of failures if this store has seen any. It never closes an open circuit.
        """
        if not is_trial and circuit not in self._failing:
            return
        self._failing.discard(circuit)
        self._execute(_CLOSE, circuit, is_trial=is_trial)

    def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:
        """Count the failure; return True if the circuit is open now.

        The fifth failure in a row opens the circuit, and so does the failure of a trial. An attempt that began before
        the circuit opened does not keep it open for longer. The last failure is stored for the error message.
        """
        self._failing.add(circuit)
        state = self._execute(
            _COUNT,
            circuit,
            failure=failure[:MAX_FAILURE_LENGTH],
            is_trial=is_trial,
            failures_to_open=FAILURES_TO_OPEN,
            open_seconds=OPEN_SECONDS,
        )
        return state is not None and state["is_open"]

    def _execute(self, statement: Statement, circuit: str, **values: object) -> dict[str, Any] | None:
        """Return the row of a statement, if it has one."""
        names = {"tenant": self._tenant_id, "circuit": circuit, **values}

        def work(connection: Connection) -> dict[str, Any] | None:
            cursor = execute(connection, statement, **names)
            return cursor.fetchone() if cursor.description else None

        return self.run(work)
