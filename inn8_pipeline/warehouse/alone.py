"""An advisory lock for work that may be requested twice: its holder cannot leave it behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from inn8_pipeline.warehouse.database import guarded


@contextmanager
def alone(engine: Engine, work: str) -> Iterator[bool]:
    """Yield True to the first caller, False to every other one while the first is in the context. Nobody waits.

    The lock is that of a connection, so Postgres itself lets go of it when the holder dies. Nothing is open in it: a
    transaction that lasts as long as the work would be ended for its idleness.
    """
    with guarded("taking up a step"):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with guarded("taking up a step"):
            taken = connection.scalar(text("select pg_try_advisory_lock(hashtextextended(:work, 0))"), {"work": work})
        yield bool(taken)
    finally:
        connection.close()
