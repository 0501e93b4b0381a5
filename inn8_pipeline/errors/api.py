"""Errors of INN8 and of the network on the way to it."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from inn8_pipeline.errors.base import Inn8Error

_OF_A_TENANT = re.compile(r"\bINN8_(?=(?:BASE_URL|CLIENT_ID|CLIENT_SECRET|SCOPE|CONTRACT_FILE)\b)")
"""The prefix of the variables that each tenant has of its own."""


def in_variables_of(prefix: str, text: str) -> str:
    """Return the text with the names of a tenant's own variables: INN8_ACME__BASE_URL for INN8_BASE_URL."""
    return _OF_A_TENANT.sub(prefix, text)


@dataclass(eq=False)
class ApiError(Inn8Error):
    """INN8 did not return what was asked for. Nothing of this sync was written.

    `prefix` is what the names of the tenant's variables begin with.
    """

    prefix: str = field(default="INN8_", kw_only=True)

    def in_variables_of_the_tenant(self, text: str) -> str:
        """Return the text with the names of the tenant's own variables."""
        return in_variables_of(self.prefix, text)


@dataclass(eq=False)
class CredentialsError(ApiError):
    """INN8 does not accept the credentials: at the token endpoint, or by a second 401 after a new token."""

    method: str
    path: str
    status: int

    def __str__(self) -> str:
        """Return the request, the consequence, and the settings to check."""
        return (
            f"INN8 answered {self.status} to {self.method} {self.path}: it does not accept the credentials. "
            f"Nothing of this sync was written. Check {self.prefix}CLIENT_ID, {self.prefix}CLIENT_SECRET and "
            f"{self.prefix}SCOPE (`inn8 doctor` tries them); then rerun."
        )


@dataclass(eq=False)
class TransientApiError(ApiError):
    """The request failed with a transient error in every attempt.

    `reason` is a phrase of this project ("answered 503", "did not answer in time"), never a text of the server.
    """

    method: str
    path: str
    reason: str
    attempts: int

    def __str__(self) -> str:
        """Return the request, how often it was tried, and what happens next."""
        times = "once" if self.attempts == 1 else f"{self.attempts} times in a row"
        return (
            f"{self.method} {self.path} failed {times}: INN8 {self.reason}. Nothing of this sync was written. "
            "The schedule tries again at its next tick; rerun a manual sync or a backfill yourself. If it lasts, ask "
            "INN8 whether the service is up."
        )


@dataclass(eq=False)
class CircuitOpenError(ApiError):
    """The circuit breaker is open: recent attempts failed, so this one was not made.

    `last_failure` says which request failed last, and how; both are empty for a circuit of an older release.
    """

    circuit: str
    failures: int
    seconds_left: float
    last_failure: str = ""
    last_failed_at: datetime | None = None

    def __str__(self) -> str:
        """Return the circuit, what failed last, for how long it is open, and what happens next."""
        at = f" at {self.last_failed_at:%Y-%m-%d %H:%M:%S} UTC" if self.last_failed_at else ""
        last = f" The last one{at}: {self.last_failure}." if self.last_failure else ""
        return (
            f"The circuit breaker of {self.circuit} is open after {self.failures} failed attempts in a row, so no "
            f"request was made.{last} Nothing of this sync was written. A trial is allowed in "
            f"{max(self.seconds_left, 0):.0f} s, and the next sync makes it."
        )


@dataclass(eq=False)
class RefusedRequestError(ApiError):
    """INN8 refused a request with a 4xx status for which a retry does not help.

    `keys` are the top-level keys of a JSON object in the response, never its values.
    """

    method: str
    path: str
    status: int
    content_type: str
    length: int
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the request, an outline of the response, and what to check."""
        keys = f", keys {', '.join(self.keys)}" if self.keys else ""
        return (
            f"INN8 refused {self.method} {self.path} with {self.status} ({self.content_type or 'no content type'}, "
            f"{self.length} bytes{keys}). Nothing of this sync was written. "
            f"Check {self.prefix}BASE_URL, {self.prefix}SCOPE and the account's rights at INN8; then rerun."
        )


@dataclass(eq=False)
class ContractError(ApiError):
    """INN8's response, or a link in it, contradicts the API that this project is built for.

    `subject` names the page or the response ("Page 3 of portfolios"), `finding` what is wrong with it.
    """

    subject: str
    finding: str
    way_out: str = (
        "If INN8's API differs on purpose, say so in the contract file (INN8_CONTRACT_FILE, docs/contract.md); then "
        "rerun."
    )

    def __str__(self) -> str:
        """Return what INN8 sent, the consequence, and what to do."""
        way_out = self.in_variables_of_the_tenant(self.way_out)
        return f"{self.subject} {self.finding}. Nothing of this sync was written. {way_out}"
