"""Trying again what may heal: the waits, the circuit breaker's part in it, and the one voice that tells of a retry.

Here belongs the course of a request over its attempts. What an attempt does is handed in.
"""

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
from inn8_pipeline.extract.http.responses import Request, TransientError

LEASE_MARGIN_SECONDS = 10.0
"""How much longer than a whole attempt the lease of a trial lasts."""

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


class AbandonedError(Exception):
    """The attempt was given up by ourselves, because something else failed; it says nothing about INN8."""


@dataclass(frozen=True, slots=True)
class RetryNotice:
    """What there is to tell of a retry: the `number`th (from 1) follows after the delay; `reason` says why."""

    number: int
    delay_seconds: float
    reason: str
    method: str
    path: str

    def __str__(self) -> str:
        """One line for a log."""
        what = f"{self.method} {self.path} failed: INN8 {self.reason}"
        return f"{what}. Retry {self.number} follows in {self.delay_seconds:.1f} s."


@dataclass(frozen=True, slots=True)
class Task:
    """A request to be made: under which circuit, what gives it up, and who counts its retries."""

    request: Request
    circuit: str
    cancelled: Event
    count: Callable[[], None] = lambda: None


class Retrier:
    """Makes requests of one client: each attempt admitted by its circuit, bounded in time, counted, tried again.

    `on_retry` is called in the thread that makes the request, by one thread at a time.
    """

    def __init__(
        self,
        circuits: CircuitStore,
        policy: RetryPolicy,
        timeouts: Timeouts,
        on_retry: Callable[[RetryNotice], None],
    ) -> None:
        self.circuits = circuits
        self.policy = policy
        self.timeouts = timeouts
        self._on_retry = on_retry
        self._lock = Lock()
        _be_the_one_voice()

    def tell(self, notice: RetryNotice) -> None:
        """Tell of one retry."""
        with self._lock:
            self._on_retry(notice)

    def run(self, task: Task, prepare: Callable[[], Prepared], attempt: Callable[[Prepared], Result]) -> Result:
        """The result of the first attempt that succeeds.

        `prepare` gives each attempt what it needs (a token that is still good), before the circuit is asked; its errors
        are none of the circuit's. Raises what the attempt raises, TransientApiError when all attempts failed
        transiently or the circuit opened meanwhile, CircuitOpenError if it was open from the start, AbandonedError once
        cancelled.
        """
        course = _RetriedRequest(self, task, prepare, attempt)
        try:
            return course.run()
        except TransientError as error:
            reason = error.reason
        raise TransientApiError(task.request.method, task.request.shown_path, reason, course.attempts)


class _RetriedRequest(Generic[Prepared, Result]):
    """One request over its attempts."""

    def __init__(
        self, retrier: Retrier, task: Task, prepare: Callable[[], Prepared], attempt: Callable[[Prepared], Result]
    ) -> None:
        self.attempts = 0
        self._retrier = retrier
        self._task = task
        self._prepare = prepare
        self._attempt = attempt
        self._delay_seconds = 0.0
        self._failure: TransientError | None = None
        self._is_open = False

    def run(self) -> Result:
        attempts = len(self._retrier.policy.waits_seconds) + 1
        retrying = stamina.retry(on=self._is_tried_again, attempts=attempts, timeout=None)
        return retrying(self._try)()

    def _is_tried_again(self, error: Exception) -> bool | float:
        """The hook of stamina: whether to try again, at once for all it knows. The wait is ours: it can be ended."""
        if not isinstance(error, TransientError) or self._task.cancelled.is_set():
            return False
        waits = self._retrier.policy.waits_seconds
        if self._is_open or self.attempts > len(waits):
            return False
        self._delay_seconds = self._delay(waits[self.attempts - 1], error)
        self._task.count()
        request = self._task.request
        self._retrier.tell(
            RetryNotice(self.attempts, self._delay_seconds, error.reason, request.method, request.shown_path)
        )
        return 0.0

    def _delay(self, wait_seconds: float, error: TransientError) -> float:
        policy = self._retrier.policy
        ours = wait_seconds + random.uniform(0, policy.jitter_seconds)  # noqa: S311 (spreads load, hides nothing)
        return max(ours, min(error.retry_after_seconds or 0.0, policy.max_retry_after_seconds))

    def _try(self) -> Result:
        if self._task.cancelled.wait(self._delay_seconds) if self._delay_seconds else self._task.cancelled.is_set():
            raise AbandonedError
        prepared = self._prepare()
        is_trial = self._admitted()
        self.attempts += 1
        try:
            with time_limit(self._retrier.timeouts.attempt_seconds, self._task.cancelled):
                result = self._attempt(prepared)
        except (TransientError, ApiError) as error:
            self._failed(error, is_trial=is_trial)
            raise
        self._retrier.circuits.succeeded(self._task.circuit, is_trial=is_trial)
        return result

    def _admitted(self) -> bool:
        """Whether the attempt is the circuit's trial. A circuit that opened between retries lets their reason speak."""
        lease_seconds = self._retrier.timeouts.attempt_seconds + LEASE_MARGIN_SECONDS
        try:
            return self._retrier.circuits.admit(self._task.circuit, lease_seconds)
        except CircuitOpenError:
            if self._failure is None:
                raise
            self._is_open = True
        raise self._failure

    def _failed(self, error: TransientError | ApiError, *, is_trial: bool) -> None:
        if self._task.cancelled.is_set():
            raise AbandonedError from None
        self._is_open = self._retrier.circuits.failed(self._task.circuit, is_trial=is_trial)
        self._failure = error if isinstance(error, TransientError) else None


class _ForOthers:
    """A hook of stamina's that is not called for our retries."""

    def __init__(self, hook: RetryHook) -> None:
        self._hook = hook

    def __call__(self, details: RetryDetails) -> AbstractContextManager[None] | None:
        return None if details.name.startswith(__name__) else self._hook(details)


def _be_the_one_voice() -> None:
    """Keep stamina from telling of our retries too, which by default it prints; it still tells of anybody else's."""
    hooks = get_on_retry_hooks()
    if not all(isinstance(hook, _ForOthers) for hook in hooks):
        set_on_retry_hooks([hook if isinstance(hook, _ForOthers) else _ForOthers(hook) for hook in hooks])
