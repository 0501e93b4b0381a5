"""Retries: the waits between attempts, and the reports about each attempt to the circuit breaker."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

import stamina
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks
from stamina.typing import RetryHook

from inn8_pipeline.errors import (
    ApiError,
    CircuitOpenError,
    ContractError,
    CredentialsError,
    RefusedRequestError,
    TransientApiError,
)
from inn8_pipeline.extract.breaker import Attempt, CircuitBreaker, CircuitStore, UncountedCircuits
from inn8_pipeline.extract.budget import RequestBudget, Unlimited
from inn8_pipeline.extract.endpoint import RetryPolicy, Timeouts
from inn8_pipeline.extract.http.deadlines import time_limit
from inn8_pipeline.extract.http.responses import RequestLabel, TransientError
from inn8_pipeline.extract.timing import RequestTries

LEASE_MARGIN_SECONDS = 10.0
"""How much longer the lease of a trial is than the time limit of an attempt."""

MIN_POLL_SECONDS, POLL_SECONDS = 0.05, 1.0
"""The shortest and the longest pause between two checks of an open circuit, while a call waits for it."""

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


class AbandonedError(Exception):
    """The attempt was abandoned, because another page failed or the fetch was closed. It is not a failure of INN8."""


@dataclass(frozen=True, slots=True)
class RetryNotice:
    """A retry that is about to be made: its number (from 1), the delay before it, and the reason."""

    number: int
    delay_seconds: float
    reason: str
    method: str
    path: str

    def __str__(self) -> str:
        """Return one line for a log."""
        what = f"{self.method} {self.path} failed: INN8 {self.reason}"
        return f"{what}. Retry {self.number} follows in {self.delay_seconds:.1f} s."


@dataclass(frozen=True, slots=True)
class CircuitNotice:
    """Notice that a call waits for an open circuit: the longest wait in seconds, and the circuit's message."""

    wait_seconds: float
    message: str

    def __str__(self) -> str:
        """Return one line for a log."""
        return f"Waiting up to {self.wait_seconds:.0f} s for the circuit breaker. {self.message}"


Notice = RetryNotice | CircuitNotice | str
"""What a client reports: a retry, a wait, or a warning. `str()` returns one line."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request with its retries: its circuit, the event that cancels it, and the function that counts retries.

    `tries` says how it has gone so far.
    """

    label: RequestLabel
    circuit: str
    cancelled: Event
    count_retry: Callable[[], None] = lambda: None
    tries: RequestTries = field(default_factory=RequestTries)

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds. Raises AbandonedError as soon as the call is cancelled."""
        self.tries.waited_seconds += max(seconds, 0)
        if self.cancelled.wait(seconds) if seconds > 0 else self.cancelled.is_set():
            raise AbandonedError


class Retrier:
    """Make the calls of one client, with time limits, retries and the circuit breaker.

    Before it is admitted, an attempt takes a request from the budget. A request that an attempt makes in addition
    takes one too: call `take_request`.

    `on_notice` is called in the thread that makes the request, by one thread at a time.
    """

    def __init__(
        self,
        circuits: CircuitStore,
        policy: RetryPolicy,
        timeouts: Timeouts,
        on_notice: Callable[[Notice], None],
        budget: RequestBudget | None = None,
    ) -> None:
        self.breaker = CircuitBreaker(circuits)
        self.budget = budget or RequestBudget(Unlimited())
        self.policy = policy
        self.timeouts = timeouts
        self._on_notice = on_notice
        self._lock = Lock()
        _exclude_ours_from_staminas_hooks()

    def uncounted(self) -> "Retrier":
        """Return a retrier with the same policy that neither reads nor changes the circuits and the budget."""
        return Retrier(UncountedCircuits(), self.policy, self.timeouts, self._on_notice)

    def announce(self, notice: Notice) -> None:
        """Call `on_notice`."""
        with self._lock:
            self._on_notice(notice)

    def take_request(self, call: ApiCall) -> None:
        """Take one request from the budget. Raises AbandonedError if the call is cancelled while it waits."""
        self.budget.take(call.wait)

    def run(self, call: ApiCall, prepare: Callable[[], Prepared], attempt: Callable[[Prepared], Result]) -> Result:
        """Return the result of the first attempt that succeeds.

        Args:
            call: The request and its circuit.
            prepare: A function that returns what each attempt needs (a valid token). It is called before the circuit
                admits the attempt, and its errors are not counted as failures of the circuit.
            attempt: A function that makes one attempt.

        Raises:
            TransientApiError: All attempts failed transiently, or the circuit opened between two of them.
            CircuitOpenError: The circuit was open before the first attempt, and did not close while we waited.
            AbandonedError: The call was cancelled.
            ApiError: Any other error of the attempt.

        """
        retried = _RetriedRequest(self, call, prepare, attempt)
        try:
            return retried.run()
        except TransientError as error:
            reason = error.reason
        raise TransientApiError(call.label.method, call.label.shown_path, reason, retried.attempts)


class _RetriedRequest(Generic[Prepared, Result]):
    """One request with all of its attempts."""

    def __init__(
        self, retrier: Retrier, call: ApiCall, prepare: Callable[[], Prepared], attempt: Callable[[Prepared], Result]
    ) -> None:
        self.attempts = 0
        self._retrier = retrier
        self._call = call
        self._prepare = prepare
        self._attempt = attempt
        self._delay_seconds = 0.0
        self._failure: TransientError | None = None
        self._is_open = False
        self._gives_up_at_seconds: float | None = None

    def run(self) -> Result:
        attempts = len(self._retrier.policy.waits_seconds) + 1
        retrying = stamina.retry(on=self._is_retried, attempts=attempts, timeout=None)
        return retrying(self._try)()

    def _is_retried(self, error: Exception) -> bool | float:
        """Return whether stamina retries. It never waits: we wait ourselves, so that the wait can be cancelled."""
        if not isinstance(error, TransientError) or self._call.cancelled.is_set():
            return False
        if self._is_open or self.attempts > len(self._retrier.policy.waits_seconds):
            return False
        self._call.count_retry()
        self._call.tries.retries += 1
        label = self._call.label
        self._retrier.announce(
            RetryNotice(self.attempts, self._delay_seconds, error.reason, label.method, label.shown_path)
        )
        return 0.0

    def _try(self) -> Result:
        self._call.wait(self._delay_seconds)
        while (pause_seconds := self._retrier.breaker.pause_seconds(self._call.circuit)) > 0:
            self._call.wait(pause_seconds)
        prepared = self._prepare()
        self._retrier.take_request(self._call)
        admitted = self._admitted()
        self.attempts += 1
        try:
            with time_limit(self._retrier.timeouts.attempt_seconds, self._call.cancelled):
                result = self._attempt(prepared)
        except (TransientError, ApiError) as error:
            self._failed(admitted, error)
            raise
        self._retrier.breaker.succeeded(admitted)
        return result

    def _admitted(self) -> Attempt:
        """Return an attempt that the circuit admits. If the circuit is open, wait as long as the policy allows.

        If the circuit opened after a failed attempt, raise that failure.
        """
        lease_seconds = self._retrier.timeouts.attempt_seconds + LEASE_MARGIN_SECONDS
        while True:
            try:
                return self._retrier.breaker.admit(self._call.circuit, lease_seconds)
            except CircuitOpenError as error:
                refusal = self._failure or error
                wait_seconds = self._circuit_wait_seconds(error)
            if wait_seconds <= 0:
                self._is_open = True
                raise refusal
            self._call.wait(wait_seconds)

    def _circuit_wait_seconds(self, error: CircuitOpenError) -> float:
        """Return how long to wait before the next check of the circuit; zero or less to give up.

        It is at most a second, because the trial of another call may close the circuit long before its lease ends.
        """
        allowed_seconds = self._retrier.policy.open_circuit_wait_seconds
        if self._gives_up_at_seconds is None:
            self._gives_up_at_seconds = time.monotonic() + allowed_seconds
            if allowed_seconds > 0:
                self._retrier.announce(CircuitNotice(allowed_seconds, str(error)))
        return min(
            max(error.seconds_left, MIN_POLL_SECONDS), POLL_SECONDS, self._gives_up_at_seconds - time.monotonic()
        )

    def _failed(self, attempt: Attempt, error: TransientError | ApiError) -> None:
        if self._call.cancelled.is_set():
            raise AbandonedError from None
        policy = self._retrier.policy
        self._failure = error if isinstance(error, TransientError) else None
        asked_seconds = min(
            (self._failure and self._failure.retry_after_seconds) or 0.0, policy.max_retry_after_seconds
        )
        shortest_delay_seconds = self._delay_seconds = 0.0
        if self._failure is not None and self.attempts <= len(policy.waits_seconds):
            wait_seconds = policy.waits_seconds[self.attempts - 1]
            jitter_seconds = random.uniform(0, policy.jitter_seconds)  # noqa: S311 (spreads load, hides nothing)
            shortest_delay_seconds = max(wait_seconds, asked_seconds)
            self._delay_seconds = max(wait_seconds + jitter_seconds, asked_seconds)
        is_open = self._retrier.breaker.failed(
            attempt,
            _describe(self._call.label, error),
            retry_in_seconds=shortest_delay_seconds,
            pause_seconds=asked_seconds,
        )
        # If the policy waits for an open circuit, the circuit does not end the retries.
        self._is_open = is_open and policy.open_circuit_wait_seconds <= 0


def _describe(label: RequestLabel, error: TransientError | ApiError) -> str:
    """Return what failed, without any value of a record, because the message of an open circuit repeats it."""
    match error:
        case TransientError():
            return f"{label}: INN8 {error.reason}"
        case RefusedRequestError() | CredentialsError():
            return f"{label}: INN8 answered {error.status}"
        case ContractError():
            return f"{label}: the response {error.finding}"
        case TransientApiError():
            return f"{error.method} {error.path}: INN8 {error.reason}"
        case _:
            return f"{label}: there was no token for it"


class _HookForOthers:
    """Call a hook of stamina for all retries except those of this module."""

    def __init__(self, hook: RetryHook) -> None:
        self._hook = hook

    def __call__(self, details: RetryDetails) -> AbstractContextManager[None] | None:
        return None if details.name.startswith(__name__) else self._hook(details)


def _exclude_ours_from_staminas_hooks() -> None:
    """Prevent stamina from printing our retries, as it does by default. `on_notice` reports them."""
    hooks = get_on_retry_hooks()
    if not all(isinstance(hook, _HookForOthers) for hook in hooks):
        set_on_retry_hooks([hook if isinstance(hook, _HookForOthers) else _HookForOthers(hook) for hook in hooks])
