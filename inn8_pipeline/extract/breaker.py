"""The circuit breaker as the client sees it; its state is kept elsewhere, because all processes share it.

Here belongs the bargain alone. What opens a circuit, and for how long, is the store's (`warehouse/circuits.py`).
"""

from typing import Protocol

TOKEN_CIRCUIT = "token"  # noqa: S105 (a circuit's name)
"""The token endpoint's own circuit; a collection's circuit is named like its entity."""


class CircuitStore(Protocol):
    """The state of one tenant's circuits, by name. Called by several threads at a time.

    Each attempt is admitted, and then reported as succeeded or failed, with what `admit` returned. An attempt that its
    caller abandons is not reported: it says nothing about INN8.
    """

    def admit(self, circuit: str, lease_seconds: float) -> bool:
        """Let one attempt pass; True if it is the trial of a half-open circuit, which holds a lease of that length.

        Raises CircuitOpenError while the circuit is open, or while another attempt holds the trial's lease.
        """

    def succeeded(self, circuit: str, *, is_trial: bool) -> None:
        """The attempt ended well: a trial closes the circuit, any other ends the row of failures of a closed one."""

    def failed(self, circuit: str, *, is_trial: bool) -> bool:
        """The attempt failed: it counts, or opens the circuit. Returns whether the circuit is open now."""
