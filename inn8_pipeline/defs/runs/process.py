"""Show that the process of a run is alive by a connection to Dagster's storage, open while the run executes.

The connection names its run. Postgres ends it when the process dies, whatever killed it, and within two minutes if its
machine is gone. Dagster itself monitors only processes that its launcher started, loses them when their code server is
restarted, and never monitors runs of the command line. The executors and the command line keep the connection open; the
sensor `watch_runs` ends a run that has none.

An advisory lock would not do. Any login could take it: then a living run could not, or a dead run would count as alive.
A connection counts only if its login may write Dagster's runs.

`executors` and `killed_runs` defer this module, because it imports SQLAlchemy.
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
from inn8_pipeline.warehouse.database import KEEPALIVES

SECONDS_BETWEEN_LOOKS = 5.0
"""The interval at which the process checks its connection; if it is broken, it opens another one."""
CONNECT_SECONDS = 10

_PING = text("select 1")
_SETTINGS = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in KEEPALIVES.items())
_NOTICE_A_LOST_MACHINE = text(f"select {_SETTINGS}")
_FOUND = text("""
    select distinct application_name from pg_catalog.pg_stat_activity
     where application_name = any (cast(:names as text[])) and datname = current_database()
       and has_table_privilege(usesysid, 'runs', 'update')
""")
_CANCELLATION = {dg.DagsterEventType.RUN_CANCELING, dg.DagsterEventType.RUN_CANCELED}


def _name(run_id: str) -> str:
    """Return the name of the connection that a run's process keeps open. Postgres cuts it at 63 bytes."""
    return f"inn8 run {run_id}"


def _engine(instance: DagsterInstance, name: str = "inn8_pipeline") -> Engine | None:
    """Return an engine for Dagster's storage; None if that is not Postgres, in which case no run is watched."""
    url = getattr(instance.run_storage, "postgres_url", None)
    if url is None:
        return None
    known = {"application_name": name}
    # After an interruption of the network the process opens another connection before the run counts as dead.
    waits = {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    waits["tcp_user_timeout"] = 25_000
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=known | waits)


@contextmanager
def shown(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Keep the run's connection open inside the block, and store the process and the machine in a tag of the run."""
    engine = _engine(instance, _name(run_id))
    if engine is None:
        yield
        return
    is_over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(engine, is_over), daemon=True, name="inn8 run connection")
    keeper.start()
    try:
        instance.add_run_tags(run_id, {PROCESS_TAG: f"process {os.getpid()} on {socket.gethostname()}"})
        yield
    finally:
        is_over.set()
        keeper.join(CONNECT_SECONDS)


def _keep(engine: Engine, is_over: threading.Event) -> None:
    """Keep a connection open until `is_over` is set. If it breaks, as when Postgres is restarted, open another one."""
    while not is_over.is_set():
        try:
            with engine.connect() as connection:
                connection.execute(_NOTICE_A_LOST_MACHINE)
                while not is_over.wait(SECONDS_BETWEEN_LOOKS):
                    connection.execute(_PING)
        except SQLAlchemyError:
            is_over.wait(SECONDS_BETWEEN_LOOKS)


def without_process(instance: DagsterInstance, run_ids: Iterable[str]) -> set[str]:
    """Return the runs for which no connection is open; none if Dagster's storage is not Postgres."""
    names = {_name(run_id): run_id for run_id in run_ids}
    engine = _engine(instance)
    if engine is None or not names:
        return set()
    with engine.connect() as connection:
        found = set(connection.scalars(_FOUND, {"names": list(names)}))
    return {run_id for name, run_id in names.items() if name not in found}


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
