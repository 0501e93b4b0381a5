"""A circuit store in memory, with the same rules as the one in Postgres."""

import time
from dataclasses import dataclass, field
from threading import Lock

from inn8_pipeline.errors import CircuitOpenError


@dataclass
class MemoryCircuits:
    """Open after `failures_to_open` failures in a row, for `open_seconds`. `log` has what was reported, in order."""

    failures_to_open: int = 5
    open_seconds: float = 60.0
    log: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    last_failure: dict[str, str] = field(default_factory=dict)
    opened_until: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, circuit: str, lease_seconds: float) -> bool:
        assert lease_seconds > 0
        with self._lock:
            until = self.opened_until.get(circuit)
            if until is not None and until > time.monotonic():
                left = until - time.monotonic()
                raise CircuitOpenError(circuit, self.failures[circuit], left, self.last_failure.get(circuit, ""))
            return until is not None

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        with self._lock:
            self.log.append((circuit, "trial succeeded" if is_trial else "succeeded"))
            self.failures[circuit] = 0
            self.opened_until.pop(circuit, None)

    def failed(self, circuit: str, failure: str, *, is_trial: bool) -> bool:
        with self._lock:
            self.last_failure[circuit] = failure
            self.log.append((circuit, "trial failed" if is_trial else "failed"))
            self.failures[circuit] = self.failures.get(circuit, 0) + 1
            if is_trial or self.failures[circuit] >= self.failures_to_open:
                self.opened_until[circuit] = time.monotonic() + self.open_seconds
            return circuit in self.opened_until
