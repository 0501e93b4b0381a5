"""The circuit breaker's interface. The state is shared by all processes of a tenant: see `warehouse/circuits.py`."""

from typing import Protocol

TOKEN_CIRCUIT = "token"  # noqa: S105 (a circuit's name)
"""The circuit of the token endpoint. A collection's circuit is named like its entity."""


class CircuitStore(Protocol):
    """The state of one tenant's circuits, by name. Safe to use from several threads.

    Each attempt is admitted first, and then reported as succeeded or failed, with the value that `admit` returned. Do
    not report an attempt that the caller abandoned: it says nothing about INN8.
    """

    def admit(self, circuit: str, lease_seconds: float) -> bool:
        """Admit one attempt; return True if it is the trial of a half-open circuit, which holds a lease of that length.

        Raises:
            CircuitOpenError: The circuit is open, or another attempt holds the trial's lease.

        """

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """Report success: a trial closes the circuit, any other attempt resets the failure count of a closed one."""

    def failed(self, circuit: str, *, is_trial: bool) -> bool:
        """Report a failure, which is counted or opens the circuit; return whether the circuit is open now."""
