"""The lock around work that may be asked for twice."""

import subprocess
import sys

import sqlalchemy

from inn8_pipeline.warehouse.alone import alone
from inn8_pipeline.warehouse.database import connect

HOLDER = """
import sys, time
from inn8_pipeline.warehouse.alone import alone
from inn8_pipeline.warehouse.database import connect
with alone(connect(sys.argv[1]), "a step") as is_alone:
    print(is_alone, flush=True)
    time.sleep(600)
"""


def test_only_the_first_is_alone_until_it_has_left(empty_database: str) -> None:
    engine = connect(empty_database)
    with alone(engine, "a step") as first, alone(engine, "a step") as second, alone(engine, "another") as other:
        assert (first, second, other) == (True, False, True)
    with alone(engine, "a step") as later:
        assert later


def test_a_killed_holder_leaves_no_lock_behind(empty_database: str) -> None:
    engine = connect(empty_database)
    with subprocess.Popen([sys.executable, "-c", HOLDER, empty_database], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with alone(engine, "a step") as is_alone:
            assert not is_alone
        holder.kill()
    gone = sqlalchemy.text("select pg_sleep(0.05) from pg_locks where locktype = 'advisory' limit 1")
    with engine.connect() as connection:
        while connection.execute(gone).all():
            pass
    with alone(engine, "a step") as is_alone:
        assert is_alone
