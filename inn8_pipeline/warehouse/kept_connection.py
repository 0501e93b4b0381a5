"""A connection that stays open between statements, for the stores that are read before every request to INN8."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from inn8_pipeline.warehouse.database import guarded

Result = TypeVar("Result")


class KeptConnection:
    """One connection, opened by the first statement. A context manager, safe to use from several threads.

    Each statement is a transaction of its own. A `DatabaseError` names the `action`.
    """

    def __init__(self, engine: Engine, action: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._action = action
        self._lock = Lock()
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        """Return the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection. Closing it again does nothing; a later statement opens another one."""
        with self._lock:
            self._disconnect()

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` with the connection and return its result. After an error, the next call opens another one.

        Raises:
            DatabaseError: Postgres failed.

        """
        with self._used() as connection:
            return work(connection)

    @contextmanager
    def _used(self) -> Iterator[Connection]:
        with self._lock, guarded(self._action):
            has_worked = False
            try:
                self._connection = self._connection or self._engine.connect()
                yield self._connection
                has_worked = True
            finally:
                if not has_worked:
                    self._disconnect(is_lost=True)

    def _disconnect(self, *, is_lost: bool = False) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if is_lost:
                # Otherwise SQLAlchemy would roll back, fail, and log the error with a traceback.
                connection.invalidate()
            connection.close()
