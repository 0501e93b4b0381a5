"""`make capacity`: measure the most transactions, rows and tenants that one machine can handle, for docs/scale.md.

The number of tenants is simulated from the CPU seconds of one tick.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.contestants import CONTESTANTS
from benchmarks.measure import Measured
from benchmarks.scenarios import CHANGED, NEW, run_once, say
from benchmarks.stage import Size, Stage, open_stage
from inn8_pipeline.warehouse.database import connect
from inn8_pipeline.warehouse.schema import access

OURS: Final = next(each for each in CONTESTANTS if each.name == "ours")
SIZES: Final = (1_000, 10_000, 100_000, 500_000, 2_000_000)
PARALLEL: Final = (1, 2, 4)
TICK_SECONDS: Final = 900
ASKED: Final = 200
READER: Final = "capacity_reader"
QUERIES: Final = {
    "a client by id": "select * from inn8.client_details where tenant_id = 'default' and external_id = %s",
    "the portfolios of a client": (
        "select * from inn8.portfolio_details where tenant_id = 'default' and client_external_id = %s"
    ),
    "a transaction by id": "select * from inn8.transaction_details where tenant_id = 'default' and external_id = %s",
}


def main() -> None:
    """Measure everything, and print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="transactions in the window of a tick")
    parser.add_argument("--rows", type=int, default=10_000_000, help="in the table, for the readers' queries")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inn8-capacity-") as folder:
        for line in [*(_ticks(Path(folder), given.sizes) if given.sizes else ()), *_rows(Path(folder), given.rows)]:
            say(line)


def _ticks(folder: Path, sizes: Sequence[int]) -> Iterator[str]:
    yield (
        f"| transactions in the window | first load | nothing changed | CPU of it | {NEW} new, newest first "
        "| 1 % changed | peak memory |"
    )
    yield "|---|---|---|---|---|---|---|"
    for number in sizes:
        size = Size(number, max(number // 50, 100), max(number // 25, 200))
        with open_stage(size, folder / str(number), "") as stage:
            OURS.prepare(stage)
            first, unchanged = _run(stage, "first"), _run(stage, "unchanged")
            stage.sandbox.insert(NEW, "capacity", at_end=False)
            stage.sandbox.warm(stage.sandbox.first_date, stage.sandbox.last_date)
            newest = _run(stage, "newest")
            stage.sandbox.change(CHANGED, "capacity")
            stage.sandbox.warm(stage.sandbox.first_date, stage.sandbox.last_date)
            changed = _run(stage, "changed")
            memory = max(each.memory for each in (first, unchanged, newest, changed)) / 1e6
            cpu = unchanged.cpu_seconds + unchanged.server_cpu_seconds
            yield (
                f"| {number:,} | {first.seconds:.1f} s | {unchanged.seconds:.1f} s | {cpu:.1f} s "
                f"| {newest.seconds:.1f} s | {changed.seconds:.1f} s | {memory:.0f} MB |"
            )
            if number == min(sizes):
                for line in _tenants(stage, cpu):
                    say(line)


def _run(stage: Stage, scenario: str) -> Measured:
    return run_once(stage, OURS, scenario, 1, stage.sandbox.first_date, stage.sandbox.last_date).measured


def _tenants(stage: Stage, cpu_seconds: float) -> Iterator[str]:
    """Yield the seconds that whole syncs of several tenants take if they start at the same instant."""
    yield "| tenants at the same instant | the last one ends after |"
    yield "|---|---|"
    _at_once(stage, max(PARALLEL))  # their first loads
    for count in PARALLEL:
        yield f"| {count} | {_at_once(stage, count):.1f} s |"
    for cores in (2, 8):
        too_many = next(count for count in range(1, 10_000) if simulate(count, cpu_seconds, cores) > TICK_SECONDS * 0.8)
        yield f"simulated on {cores} cores: {too_many - 1} tenants end within 80 % of a tick of 15 minutes"


def _at_once(stage: Stage, count: int) -> float:
    days = (stage.sandbox.first_date, stage.sandbox.last_date)
    started_at = time.perf_counter()
    running = []
    everyone = {"default", *(f"tenant{number}" for number in range(max(PARALLEL)))}
    for number in range(count):
        tenant = f"tenant{number}"
        others = everyone - {tenant}
        variables = {
            **OURS.environment(stage),
            "INN8_TENANT_ID": tenant,
            "INN8_OTHER_TENANTS": ",".join(sorted(others)),
        }
        command = OURS.command(stage, *days)
        running.append(subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT))
    codes = [each.wait(600) for each in running]
    if any(codes):
        message = f"a sync of {count} ended with {codes}"
        raise RuntimeError(message)
    return time.perf_counter() - started_at


def simulate(tenants: int, cpu_seconds: float, cores: int, slots: int = 16) -> float:
    """Return the seconds until the last of several equal ticks ends that are due at the same instant.

    At most `slots` ticks run at a time, and share the cores evenly. The processes of a tick run one after the other, so
    a tick uses at most one core.
    """
    waiting, now = tenants, 0.0
    working: list[float] = []
    while waiting or working:
        while waiting and len(working) < slots:
            working.append(cpu_seconds)
            waiting -= 1
        speed = min(1.0, cores / len(working))
        least = min(working)
        now += least / speed
        working = [left - least for left in working if left > least]
    return now


def _rows(folder: Path, wanted: int) -> Iterator[str]:
    """Yield the times of a reader's queries in a table of `wanted` rows; nothing if `wanted` is 0."""
    if not wanted:
        return
    size = Size(100_000, 10_000, 20_000)
    with open_stage(size, folder / "rows", "") as stage:
        OURS.prepare(stage)
        _run(stage, "first")
        copies = max(wanted // size.transactions - 1, 1)
        stage.execute(OURS.name, *OURS.grow(1, copies), "vacuum analyze")
        stage.execute(OURS.name, f"drop role if exists {READER}", f"create role {READER} login")
        access.grant_reader(connect(stage.warehouse.url(OURS.name)), READER, "default")
        yield f"| in {wanted:,} transactions | median | 99th percentile |"
        yield "|---|---|---|"
        for name, query in QUERIES.items():
            times = sorted(_asked(stage, query, name))
            yield f"| {name} | {statistics.median(times):.2f} ms | {times[int(len(times) * 0.99)]:.2f} ms |"


def _asked(stage: Stage, query: str, name: str) -> Iterator[float]:
    """Yield the milliseconds of each query, by a reader's login in one session, without those of the first query."""
    table = "transactions" if "transaction" in name else "clients"
    some = f"select external_id from inn8.{table} order by md5(external_id) limit {ASKED + 1}"
    with psycopg.connect(stage.conninfo(OURS.name)) as connection:
        ids = connection.execute(some.encode()).fetchall()
    as_reader = stage.conninfo(OURS.name).replace("user=postgres", f"user={READER}")
    with psycopg.connect(as_reader, autocommit=True) as connection:
        yield from [_ask(connection, query, external_id) for (external_id,) in ids][1:]


def _ask(connection: "psycopg.Connection[tuple[object, ...]]", query: str, external_id: object) -> float:
    began = time.perf_counter()
    connection.execute(query.encode(), (external_id,)).fetchall()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
