"""The errors of the pipeline: one class for each thing that the operator has to do.

    Inn8Error
    ├── SettingsError              a setting is missing or wrong: set it
    │   └── ContractFileError      a line of the contract file is wrong: correct it
    ├── UnknownEntityError         a name that no entity has: use one that is declared
    ├── NoDaysError                a run of an entity with days of trade was launched without days: choose some
    ├── ApiError                   INN8, or the network on the way to it
    │   ├── CredentialsError       INN8 does not accept the credentials: check them
    │   ├── TransientApiError      every retry failed: wait, or ask INN8
    │   ├── CircuitOpenError       INN8 failed too often just now: the next sync tries again
    │   ├── RefusedRequestError    INN8 refused the request (4xx): check the settings
    │   └── ContractError          INN8's response contradicts the API that we know: change the code
    ├── NotifyError                an alert or a heartbeat was not accepted: check its address
    └── WarehouseError             Postgres, or what is stored in it
        ├── DatabaseError          Postgres failed, is full or read-only: repair it, rerun
        │   └── UnreachableDatabaseError   no connection can be opened: check the URL and the server
        ├── UnsuitableDatabaseError    an old version or another encoding: choose another database
        ├── SchemaVersionError     the tables belong to another release: `inn8 db upgrade`
        ├── MissingRolesError      the login may not upgrade: an administrator creates the roles, once
        ├── NotOwnerError          the login may not grant or erase: set INN8_OWNER_DATABASE_URL
        ├── LoginError             a login cannot be made a reader or a writer: choose another
        ├── StillSentError         INN8 still sends what is to be erased: let INN8 erase it first
        ├── NotVacuumedError       the data is erased, but the tables could not be vacuumed: vacuum them
        ├── SyncLockedError        another sync took too long: look at it, rerun
        ├── FutureLandingError     a fetch began in the future: check the clock, `inn8 db heal-clock`
        ├── LandingMissingError    there is nothing to rebuild from: fetch first
        ├── TooManyRejectsError    most records would be rejected: nothing was written
        ├── MassChangeError        a column would change in too many rows at once: nothing was written
        └── ReconciliationError    the counts do not add up: nothing was written; a bug

A message says what happened, what it means for the data and what to do. It never contains
a record's value, a body or a secret.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

_OF_A_TENANT = re.compile(r"\bINN8_(?=(?:BASE_URL|CLIENT_ID|CLIENT_SECRET|SCOPE|CONTRACT_FILE)\b)")
"""The prefix of the variables that each tenant has of its own."""


class Inn8Error(Exception):
    """Base class of all errors of this project; `str()` of one is the message for the operator."""


@dataclass(eq=False)
class SettingsError(Inn8Error):
    """A setting is missing or wrong. `problem` never repeats a secret's value."""

    variable: str
    problem: str
    example: str

    def __str__(self) -> str:
        """Return one line: the variable, what is wrong with it, an example."""
        return f"{self.variable} {self.problem}. Set it, for example: {self.variable}={self.example}"


@dataclass(eq=False)
class ContractFileError(SettingsError):
    """A line of the contract file is wrong. `variable` names the file; `example` is its path."""

    line: int
    key: str

    def __str__(self) -> str:
        """Return the file, the line, the key, what is wrong with it, and what to do."""
        return (
            f"{self.variable} names {self.example}, where line {self.line} is wrong: {self.key} {self.problem}. "
            "Nothing was fetched or written. Correct the line (docs/contract.md has each key), then run "
            "`inn8 contract show`."
        )


@dataclass(eq=False)
class UnknownEntityError(Inn8Error):
    """No entity of this name is declared."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        """Return the name, and the names that there are."""
        return (
            f"There is no entity {self.name!r}: nothing was done. The entities are {', '.join(self.known)}; "
            "if a newer release wrote this name, run that release."
        )


@dataclass(eq=False)
class NoDaysError(Inn8Error):
    """A run of an entity with days of trade was launched without any."""

    entity: str

    def __str__(self) -> str:
        """Return what is missing, and how to launch the run."""
        return (
            f"No days of trade were chosen for {self.entity}: nothing was fetched or written. Launch the run again "
            "with a partition, or a range of them."
        )


@dataclass(eq=False)
class ApiError(Inn8Error):
    """INN8 did not return what was asked for. Nothing of this sync was written.

    `prefix` is what the names of the tenant's variables begin with.
    """

    prefix: str = field(default="INN8_", kw_only=True)

    def in_variables_of_the_tenant(self, text: str) -> str:
        """Return the text with the names of the tenant's own variables: INN8_ACME__BASE_URL for INN8_BASE_URL."""
        return _OF_A_TENANT.sub(self.prefix, text)


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


class WarehouseError(Inn8Error):
    """Postgres, or what is stored in it, does not allow the operation."""


@dataclass(eq=False)
class DatabaseError(WarehouseError):
    """Postgres failed. `cause` is its own message, kept only if that cannot contain a value of a row."""

    action: str
    condition: str
    sqlstate: str = ""
    cause: str = ""

    def __str__(self) -> str:
        """Return what was being done, why it failed, and what to do."""
        code = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else ""
        cause = f", {self.cause}" if self.cause else ""
        return (
            f"Postgres failed while {self.action}: {self.condition}{code}{cause}. What was not committed is "
            "rolled back: no table is left half written. Check the server (`inn8 doctor`); then rerun."
        )


class UnreachableDatabaseError(DatabaseError):
    """No connection to Postgres could be opened. `server` is its host and port; the password is never shown."""

    def __init__(self, variable: str, server: str, cause: str, sqlstate: str = "") -> None:
        super().__init__(f"connecting to {server}", "OperationalError", sqlstate, cause)
        self.variable = variable
        self.server = server

    def __str__(self) -> str:
        """Return which server could not be reached, why, and what to check."""
        return (
            f"Postgres at {self.server} cannot be reached: {self.cause}. Nothing was read or written. "
            f"Check {self.variable} and the server (`inn8 doctor`); then rerun."
        )


@dataclass(eq=False)
class UnsuitableDatabaseError(WarehouseError):
    """The database cannot hold the data: its server is too old, or its encoding is not UTF8."""

    finding: str
    way_out: str

    def __str__(self) -> str:
        """Return what was found, and what is needed instead."""
        return f"{self.finding}: it cannot be used. Nothing was read or written. {self.way_out}."


@dataclass(eq=False)
class SchemaVersionError(WarehouseError):
    """The tables have another schema version than this code needs."""

    found: str
    expected: str

    def __str__(self) -> str:
        """Return both versions, and the command."""
        return (
            f"The warehouse has schema version {self.found or 'none'}, this code needs {self.expected}. Nothing was "
            "read or written. Run `inn8 db upgrade`; if the warehouse is newer, install the newer release."
        )


@dataclass(eq=False)
class MissingRolesError(WarehouseError):
    """The login may not upgrade: roles are missing that it may not create, or it may not become a member of the owner.

    `statements` are for a superuser, in order.
    """

    login: str
    statements: tuple[str, ...]

    def __str__(self) -> str:
        """Return the login, and the statements that a superuser runs once."""
        statements = "".join(f"\n  {statement};" for statement in self.statements)
        return (
            f"The login {self.login} is not a member of the role inn8_owner and may not become one. Nothing was "
            f"changed. A superuser must run once, in any database of this server:{statements}\n"
            "Then run `inn8 db upgrade` again."
        )


@dataclass(eq=False)
class NotOwnerError(WarehouseError):
    """The login may not do what only the owner of the tables may do."""

    login: str
    action: str

    def __str__(self) -> str:
        """Return the login and the action, and the setting that names a login with the right."""
        return (
            f"The login {self.login} may not {self.action}: it is not a member of inn8_owner. Nothing was changed. Set "
            "INN8_OWNER_DATABASE_URL to the URL of a member: the login that runs `inn8 db upgrade`."
        )


@dataclass(eq=False)
class LoginError(WarehouseError):
    """A login cannot be granted, or lose, the rights of a reader or a writer."""

    login: str
    problem: str

    def __str__(self) -> str:
        """Return the login, the reason, and what to do."""
        return f"The login {self.login} {self.problem}. Nothing was changed. Name another login, or create one."


@dataclass(eq=False)
class StillSentError(WarehouseError):
    """What is to be erased is in INN8's newest responses: the next sync would bring it back."""

    entities: tuple[str, ...]

    def __str__(self) -> str:
        """Return the entities that INN8 sends it with, and the two ways out."""
        return (
            f"INN8 still sends this person's data ({', '.join(self.entities)}): the next sync would bring it back. "
            "Nothing was erased. Let INN8 erase it and sync once more, or erase it anyway with --still-sent."
        )


@dataclass(eq=False)
class NotVacuumedError(WarehouseError):
    """The erasure is done, but the tables could not be vacuumed."""

    condition: str
    statement: str

    def __str__(self) -> str:
        """Return what is done, what is not done, and the statement that does it."""
        return (
            f"The person's data is erased for good, but the tables could not be vacuumed ({self.condition}): its space "
            f"on the disk is not free yet, and the planner's statistics may hold values. Run: {self.statement}"
        )


@dataclass(eq=False)
class SyncLockedError(WarehouseError):
    """Another sync held a lock for longer than the bound. `entity` is its entity, or "this tenant" for any of them."""

    entity: str
    waited_seconds: float

    def __str__(self) -> str:
        """Return what was waited for and for how long, and what to do."""
        return (
            f"Another sync of {self.entity} was still in progress after {self.waited_seconds:.0f} s. No row was "
            "written or changed. Look at the running syncs in the Dagster UI, and rerun when they have ended."
        )


@dataclass(eq=False)
class FutureLandingError(WarehouseError):
    """A landing began in the future: the database's clock was ahead then, or is behind now."""

    entity: str
    ahead_seconds: float

    def __str__(self) -> str:
        """Return how far in the future, what it means, and what to do in each case."""
        hours, minutes = divmod(int(self.ahead_seconds) // 60, 60)
        return (
            f"The last fetch of {self.entity} began {hours} h {minutes} min in the future: the database's clock was "
            "ahead then, or is behind now. Nothing was fetched or written, because newer data would count as older. "
            "Check the clock (`select now()`); if it is correct, run `inn8 db heal-clock`, then rerun."
        )


@dataclass(eq=False)
class LandingMissingError(WarehouseError):
    """No complete landing has what is to be merged or rebuilt."""

    entity: str
    wanted: str

    def __str__(self) -> str:
        """Return what is missing, and the command that fetches it."""
        return (
            f"There is no complete landing of {self.entity} for {self.wanted}. Nothing was written. "
            f"Materialize raw_{self.entity} first (or run `inn8 sync {self.entity}`)."
        )


@dataclass(eq=False)
class TooManyRejectsError(WarehouseError):
    """More records would be rejected than the bound allows.

    `reasons` counts them by reason code. `rerun` is the command that rejects them anyway, once.
    """

    entity: str
    rejected: int
    records: int
    reasons: dict[str, int]
    rerun: str

    def __str__(self) -> str:
        """Return how many by reason, the probable cause, and what to do."""
        reasons = ", ".join(f"{code} {count}" for code, count in sorted(self.reasons.items()))
        return (
            f"{self.rejected} of {self.records} {self.entity} would have been rejected ({reasons}): INN8 has "
            "probably changed what it sends. Nothing was written. Compare what INN8 sends with the declaration of the "
            f"entity; if the records really are invalid, reject them once with `{self.rerun}` (in the launchpad: "
            "allow_rejects: true)."
        )


@dataclass(eq=False)
class MassChangeError(WarehouseError):
    """A column would change, or lose its values, in more rows at once than the bound allows.

    `findings` says what would happen to each such column. `rerun` is the command that allows it once.
    """

    entity: str
    findings: dict[str, str]
    rerun: str

    def __str__(self) -> str:
        """Return the columns with their counts, the probable cause, and how to allow the change."""
        findings = "; ".join(f"{column} {finding}" for column, finding in self.findings.items())
        return (
            f"The sync of {self.entity} would have changed too many rows at once: {findings}. INN8 has probably "
            "changed what it sends. Nothing was written; the rows are as they were. If the change is right, allow it "
            f"once with `{self.rerun}` (in the launchpad: allow_changes: true); if not, report it to INN8. The bound "
            "is INN8_MAX_CHANGED_PERCENT."
        )


@dataclass(eq=False)
class ReconciliationError(WarehouseError):
    """`fetched + retried = inserted + updated + unchanged + duplicate + rejected + skipped` does not hold."""

    entity: str
    counts: dict[str, int]

    def __str__(self) -> str:
        """Return all counts, and that nothing was written."""
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return (
            f"The counts of {self.entity} do not add up ({counts}). Everything was rolled back. "
            "This is a bug of the pipeline: keep the landing, and report it with these counts."
        )
