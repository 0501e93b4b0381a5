"""Retries: the waits between attempts, and what the circuit breaker hears of each attempt."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event, Lock
from typing import Generic, TypeVar

import stamina
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks
from stamina.typing import RetryHook

from inn8_pipeline.errors import ApiError, CircuitOpenError, TransientApiError
from inn8_pipeline.extract.breaker import CircuitStore
from inn8_pipeline.extract.endpoint import RetryPolicy, Timeouts
from inn8_pipeline.extract.http.deadlines import time_limit
from inn8_pipeline.extract.http.responses import RequestLabel, TransientError

LEASE_MARGIN_SECONDS = 10.0
"""How much longer than a whole attempt the lease of a trial lasts."""

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


class AbandonedError(Exception):
    """We gave the attempt up, because something else failed or the fetch was closed; it says nothing about INN8."""


@dataclass(frozen=True, slots=True)
class RetryNotice:
    """A retry that is about to be made: which one (from 1), after which delay, and why."""

    number: int
    delay_seconds: float
    reason: str
    method: str
    path: str

    def __str__(self) -> str:
        """Return one line for a log."""
        what = f"{self.method} {self.path} failed: INN8 {self.reason}"
        return f"{what}. Retry {self.number} follows in {self.delay_seconds:.1f} s."


Notice = RetryNotice | str
"""What a client reports while it works: a retry, or a warning about a response. `str()` of it is one line."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request with its retries: the circuit that it counts on, the event that cancels it, the counter of retries."""

    label: RequestLabel
    circuit: str
    cancelled: Event
    count_retry: Callable[[], None] = lambda: None


class Retrier:
    """Make the calls of one client: each attempt is admitted by its circuit, bounded in time, reported and retried.

    `on_notice` is called in the thread that makes the request, by one thread at a time.
    """

    def __init__(
        self,
        circuits: CircuitStore,
        policy: RetryPolicy,
        timeouts: Timeouts,
        on_notice: Callable[[Notice], None],
    ) -> None:
        self.circuits = circuits
        self.policy = policy
        self.timeouts = timeouts
        self._on_notice = on_notice
        self._lock = Lock()
        _exclude_ours_from_staminas_hooks()

    def announce(self, notice: Notice) -> None:
        """Call `on_notice`."""
        with self._lock:
            self._on_notice(notice)

    def run(self, call: ApiCall, prepare: Callable[[], Prepared], attempt: Callable[[Prepared], Result]) -> Result:
        """Return the result of the first attempt that succeeds.

        Args:
            call: What is asked, on which circuit.
            prepare: Gives each attempt what it needs (a valid token), before the circuit is asked. Its errors do not
                count on the circuit.
            attempt: Makes one attempt.

        Raises:
            TransientApiError: All attempts failed transiently, or the circuit opened between two of them.
            CircuitOpenError: The circuit was open before the first attempt.
            AbandonedError: The call was cancelled.
            ApiError: Whatever else the attempt raises.

        """
        retried = _RetriedRequest(self, call, prepare, attempt)
        try:
            return retried.run()
        except TransientError as error:
            reason = error.reason
        raise TransientApiError(call.label.method, call.label.shown_path, reason, retried.attempts)


class _RetriedRequest(Generic[Prepared, Result]):
    """One request over its attempts."""

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

    def run(self) -> Result:
        attempts = len(self._retrier.policy.waits_seconds) + 1
        retrying = stamina.retry(on=self._is_retried, attempts=attempts, timeout=None)
        return retrying(self._try)()

    def _is_retried(self, error: Exception) -> bool | float:
        """Tell stamina whether to retry, without a wait: we wait ourselves, so that the wait can be cancelled."""
        if not isinstance(error, TransientError) or self._call.cancelled.is_set():
            return False
        waits = self._retrier.policy.waits_seconds
        if self._is_open or self.attempts > len(waits):
            return False
        self._delay_seconds = self._delay(waits[self.attempts - 1], error)
        self._call.count_retry()
        label = self._call.label
        self._retrier.announce(
            RetryNotice(self.attempts, self._delay_seconds, error.reason, label.method, label.shown_path)
        )
        return 0.0

    def _delay(self, wait_seconds: float, error: TransientError) -> float:
        policy = self._retrier.policy
        ours = wait_seconds + random.uniform(0, policy.jitter_seconds)  # noqa: S311 (spreads load, hides nothing)
        return max(ours, min(error.retry_after_seconds or 0.0, policy.max_retry_after_seconds))

    def _try(self) -> Result:
        if self._call.cancelled.wait(self._delay_seconds) if self._delay_seconds else self._call.cancelled.is_set():
            raise AbandonedError
        prepared = self._prepare()
        is_trial = self._admitted()
        self.attempts += 1
        try:
            with time_limit(self._retrier.timeouts.attempt_seconds, self._call.cancelled):
                result = self._attempt(prepared)
        except (TransientError, ApiError) as error:
            self._failed(error, is_trial=is_trial)
            raise
        self._retrier.circuits.succeeded(self._call.circuit, is_trial=is_trial)
        return result

    def _admitted(self) -> bool:
        """Return whether the attempt is the circuit's trial; raise the last failure if the circuit opened after it."""
        lease_seconds = self._retrier.timeouts.attempt_seconds + LEASE_MARGIN_SECONDS
        try:
            return self._retrier.circuits.admit(self._call.circuit, lease_seconds)
        except CircuitOpenError:
            if self._failure is None:
                raise
            self._is_open = True
        raise self._failure

    def _failed(self, error: TransientError | ApiError, *, is_trial: bool) -> None:
        if self._call.cancelled.is_set():
            raise AbandonedError from None
        self._is_open = self._retrier.circuits.failed(self._call.circuit, is_trial=is_trial)
        self._failure = error if isinstance(error, TransientError) else None


class _HookForOthers:
    """A hook of stamina's that is called for all retries but ours."""

    def __init__(self, hook: RetryHook) -> None:
        self._hook = hook

    def __call__(self, details: RetryDetails) -> AbstractContextManager[None] | None:
        return None if details.name.startswith(__name__) else self._hook(details)


def _exclude_ours_from_staminas_hooks() -> None:
    """Keep stamina, which prints every retry by default, from reporting ours too: `on_notice` does."""
    hooks = get_on_retry_hooks()
    if not all(isinstance(hook, _HookForOthers) for hook in hooks):
        set_on_retry_hooks([hook if isinstance(hook, _HookForOthers) else _HookForOthers(hook) for hook in hooks])
