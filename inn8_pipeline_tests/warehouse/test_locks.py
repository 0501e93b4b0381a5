"""The lock around work that may be requested twice."""

import subprocess
import sys
import time
from collections.abc import Callable

import sqlalchemy

from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.locks import alone

HOLDER = """
import sys, time
from inn8_pipeline.warehouse.locks import alone
from inn8_pipeline.warehouse.database import connect
with alone(connect(sys.argv[1]), "a step") as is_alone:
    print(is_alone, flush=True)
    time.sleep(600)
"""


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends_at, "the condition was not met within 30 seconds"
        time.sleep(0.05)


def test_only_the_first_caller_has_the_lock_until_it_leaves_the_context(empty_database: str) -> None:
    engine = connect(empty_database)
    with alone(engine, "a step") as first, alone(engine, "a step") as second, alone(engine, "another") as other:
        assert (first, second, other) == (True, False, True)
    with alone(engine, "a step") as later:
        assert later


def test_a_lock_is_released_when_its_process_is_killed(empty_database: str) -> None:
    engine = connect(empty_database)
    with subprocess.Popen([sys.executable, "-c", HOLDER, empty_database], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            with alone(engine, "a step") as is_alone:
                assert not is_alone
        finally:
            holder.kill()
    until(lambda: not held(engine))
    with alone(engine, "a step") as is_alone:
        assert is_alone


def held(engine: sqlalchemy.Engine) -> int:
    wanted = "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database "
    with engine.connect() as connection:
        count: int = connection.exec_driver_sql(f"{wanted} where datname = current_database())").scalar_one()
    return count
