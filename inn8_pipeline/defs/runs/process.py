"""Show that the process of a run is alive by an advisory lock in Dagster's storage, held while the run executes.

Postgres releases the lock when the process dies, whatever killed it. Dagster itself monitors only processes that its
launcher started, loses them when their code server is restarted, and never monitors runs of the command line. The
executors and the command line hold the lock; the sensor `watch_runs` ends a run whose lock nobody holds. `executors`
and `killed_runs` defer this module, because it imports SQLAlchemy.
"""

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterInstance
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from inn8_pipeline.defs.instance.internals import DagsterExecutionInterruptedError
from inn8_pipeline.defs.names import PROCESS_TAG

SECONDS_BETWEEN_LOOKS = 5.0
"""The interval at which the process checks its connection; if it is broken, it takes the lock again."""
CONNECT_SECONDS = 10

_LOCK = text("select pg_advisory_lock(hashtextextended(:lock, 0))")
_HELD = text("""
    select lock
    from unnest(cast(:locks as text[])) lock
    join pg_locks held
      on held.locktype = 'advisory' and held.granted and held.objsubid = 1
     and held.database = (select oid from pg_database where datname = current_database())
     and (held.classid::bigint << 32) | held.objid::bigint = hashtextextended(lock, 0)
""")
_CANCELLATION = {dg.DagsterEventType.RUN_CANCELING, dg.DagsterEventType.RUN_CANCELED}


def _lock(run_id: str) -> str:
    return f"inn8 run {run_id}"


def _engine(instance: DagsterInstance) -> Engine | None:
    """Return an engine for Dagster's storage; None if that is not Postgres, in which case no run is watched."""
    url = getattr(instance.run_storage, "postgres_url", None)
    if url is None:
        return None
    waits = {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=waits)


@contextmanager
def held(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the run's lock inside the block, and store in a tag which process holds it."""
    engine = _engine(instance)
    if engine is None:
        yield
        return
    is_over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(engine, _lock(run_id), is_over), daemon=True, name="inn8 run lock")
    keeper.start()
    try:
        instance.add_run_tags(run_id, {PROCESS_TAG: f"process {os.getpid()} on {socket.gethostname()}"})
        yield
    finally:
        is_over.set()
        keeper.join(CONNECT_SECONDS)


def _keep(engine: Engine, lock: str, is_over: threading.Event) -> None:
    """Hold the lock until `is_over` is set; take it again if the connection breaks, as when Postgres is restarted."""
    while not is_over.is_set():
        try:
            with engine.connect() as connection:
                connection.execute(_LOCK, {"lock": lock})
                while not is_over.wait(SECONDS_BETWEEN_LOOKS):
                    connection.execute(text("select 1"))
        except SQLAlchemyError:
            is_over.wait(SECONDS_BETWEEN_LOOKS)


def without_process(instance: DagsterInstance, run_ids: Iterable[str]) -> set[str]:
    """Return the runs whose lock nobody holds; none if Dagster's storage is not Postgres."""
    locks = {_lock(run_id): run_id for run_id in run_ids}
    engine = _engine(instance)
    if engine is None or not locks:
        return set()
    with engine.connect() as connection:
        taken = set(connection.scalars(_HELD, {"locks": list(locks)}))
    return {run_id for lock, run_id in locks.items() if lock not in taken}


def stop_if_canceled(instance: DagsterInstance, run_id: str) -> None:
    """End the run as canceled if its cancellation was requested before it began.

    A run that leaves the queue while it is canceled starts nevertheless: the status `STARTING` overwrites the
    cancellation, and only the run's events still show it.

    Raises:
        DagsterExecutionInterruptedError: The run was canceled.

    """
    requested = instance.get_records_for_run(run_id, of_type=_CANCELLATION, limit=1).records
    run = instance.get_run_by_id(run_id)
    if requested and run is not None:
        instance.report_run_canceling(run, "The run was canceled before it began. It ends now and has written nothing.")
        raise DagsterExecutionInterruptedError
