"""A connection that is kept open between statements, for stores that are asked before every request to INN8."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from inn8_pipeline.warehouse.database import guarded

Result = TypeVar("Result")


class KeptConnection:
    """One connection, opened by the first statement. Safe to use from several threads; a context manager.

    Each statement is a transaction of its own. `action` names what it is for in a `DatabaseError`.
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
        """Return what `work` returns for the connection. After an error, the next call opens another connection.

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
                    self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
