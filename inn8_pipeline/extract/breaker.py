"""The circuit breaker as a client uses it. All processes share its state, which `warehouse/circuit_store.py` stores.

The contract counts consecutive failures of calls made one after the other. A client makes several calls at the same
time, so attempts that fail together count as one failure: usually they have one cause.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

TOKEN_CIRCUIT = "token"  # noqa: S105 (a circuit's name)
"""The circuit of the token endpoint. A collection's circuit is named like its entity."""

EARLY_WAKE_UP = 0.9
"""The share of the wait before a retry during which other failures still belong to the same wave."""


class CircuitStore(Protocol):
    """The state of one tenant's circuits, by name. Safe to use from several threads.

    Call `admit` before each attempt, then report its result with `succeeded` or `failed` and the value that `admit`
    returned. Do not report an attempt that was abandoned, because it says nothing about INN8.
    """

    def admit(self, circuit: str, lease_seconds: float) -> bool:
        """Admit one attempt; return True if it is the trial of a half-open circuit, with a lease of `lease_seconds`.

        Raises:
            CircuitOpenError: The circuit is open, or another attempt holds the trial's lease.

        """

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """Report success: a trial closes the circuit, any other attempt resets the failure count of a closed one."""

    def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:
        """Report a failure, which is counted or opens the circuit; return whether the circuit is open now.

        `failure` says what failed (`GET /clients: INN8 answered 503`), for the message of the open circuit.
        """


class UncountedCircuits:
    """A store that admits every attempt and counts nothing, for requests whose failure must not stop a sync."""

    def admit(self, circuit: str, lease_seconds: float) -> bool:  # noqa: ARG002 (declared by the protocol)
        """Admit the attempt."""
        return False

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """Ignore the success."""

    def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:  # noqa: ARG002 (likewise)
        """Ignore the failure."""
        return False


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that the circuit breaker has admitted."""

    circuit: str
    is_trial: bool
    started_at_seconds: float


@dataclass(frozen=True, slots=True)
class _Wave:
    """One counted failure, and all others of attempts that began before `ends_at_seconds`."""

    ends_at_seconds: float
    is_open: bool


class CircuitBreaker:
    """One client's circuits. Safe to use from several threads.

    Attempts that fail at the same time are a wave: only the first failure is reported to the store. A wave includes all
    attempts that had begun when the first one failed, and those that begin before any of them can be retried: a retry
    belongs to the next wave. A `Retry-After` delays all attempts of a circuit.
    """

    def __init__(self, store: CircuitStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._waves: dict[str, _Wave] = {}
        self._resume_at_seconds: dict[str, float] = {}

    def pause_seconds(self, circuit: str) -> float:
        """Return how long attempts must still wait because of a `Retry-After`; zero or less if they need not wait."""
        with self._lock:
            return self._resume_at_seconds.get(circuit, 0.0) - self._clock()

    def admit(self, circuit: str, lease_seconds: float) -> Attempt:
        """Admit one attempt. Raise a CircuitOpenError if the store refuses it."""
        is_trial = self._store.admit(circuit, lease_seconds)
        return Attempt(circuit, is_trial, self._clock())

    def succeeded(self, attempt: Attempt) -> None:
        """Report success."""
        self._store.succeeded(attempt.circuit, is_trial=attempt.is_trial)

    def failed(self, attempt: Attempt, failure: str, *, retry_in_seconds: float, pause_seconds: float) -> bool:
        """Report a failure unless it belongs to a wave that was reported; return whether the circuit is open.

        Args:
            attempt: The attempt that failed.
            failure: What failed, for the message of the open circuit.
            retry_in_seconds: How soon an attempt that failed at the same time can be retried, so without the jitter;
                0 if the attempt is not retried.
            pause_seconds: How long the server asks all clients to wait; 0 if it does not.

        """
        with self._lock:
            now = self._clock()
            resume_at = self._resume_at_seconds.get(attempt.circuit, 0.0)
            self._resume_at_seconds[attempt.circuit] = max(resume_at, now + pause_seconds)
            wave = self._waves.get(attempt.circuit)
            if wave is not None and attempt.started_at_seconds < wave.ends_at_seconds and not attempt.is_trial:
                return wave.is_open
            # Within the lock: of two failures at the same instant, the second one must see the first.
            is_open = self._store.failed(attempt.circuit, failure, is_trial=attempt.is_trial)
            ends_at = self._clock() + EARLY_WAKE_UP * retry_in_seconds
            self._waves[attempt.circuit] = _Wave(ends_at, is_open)
            return is_open
