"""Errors of Postgres: the server, the schema, and the rights of logins."""

from dataclasses import dataclass

from inn8_pipeline.errors.base import Inn8Error


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
class PoolerError(WarehouseError):
    """A pooler between the pipeline and Postgres does not keep a session for each connection."""

    variable: str
    pooling: str
    finding: str
    way_out: str

    def __str__(self) -> str:
        """Return which URL leads to the pooler, what it means, and what to set."""
        way_out = self.way_out[0].upper() + self.way_out[1:]
        return f"{self.variable} leads through a pooler in {self.pooling} mode, {self.finding}. {way_out}."


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
    """The login may not upgrade: it lacks a role or a right that it cannot give itself.

    `statements` are for an administrator, in order.
    """

    login: str
    statements: tuple[str, ...]

    def __str__(self) -> str:
        """Return the login, and the statements that an administrator runs once."""
        statements = "".join(f"\n  {statement};" for statement in self.statements)
        return (
            f"The login {self.login} lacks rights that an upgrade needs, and may not give them to itself. Nothing was "
            "changed. A superuser, or the administrator of your managed Postgres, must run once, in any database of "
            f"this server:{statements}\n"
            "Then run `inn8 db upgrade` again. `inn8 db upgrade --sql-for-admin` prints the statements alone."
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
