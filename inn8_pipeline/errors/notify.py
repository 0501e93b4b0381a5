"""Errors of alerts, of the heartbeat and of traces."""

from dataclasses import dataclass

from inn8_pipeline.errors.base import Inn8Error


@dataclass(eq=False)
class NotifyError(Inn8Error):
    """An alert or a heartbeat could not be sent. `finding` is a status or an error's class, never the address.

    `variable` is the setting with the address.
    """

    what: str
    finding: str
    variable: str

    def __str__(self) -> str:
        """Return what was not sent, and what happens next."""
        return (
            f"The {self.what} could not be sent ({self.finding}): the sensor tries again at its next tick. "
            f"Check {self.variable}. No sync is affected."
        )


@dataclass(eq=False)
class CollectorError(Inn8Error):
    """Spans cannot be exported. `problem` says why, what it means and what to do."""

    problem: str

    def __str__(self) -> str:
        """Return the problem."""
        return self.problem
