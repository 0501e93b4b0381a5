"""Run one program to its end and measure it from outside, whatever the program is."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

SAMPLE_SECONDS = 0.05
MEBIBYTE = 1024 * 1024

WRITTEN = """
select schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables
 where schemaname !~ '^pg_temp'
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of one run. `memory` is the highest sampled sum of PSS over the process tree, in bytes.

    `cpu_seconds` are the program's, `server_cpu_seconds` those of the Postgres servers that it used.
    `wal` is in bytes, of the whole server of the warehouse. `landed` are the bytes of the pages that were stored,
    before compression; 0 for a program that stores none. `written` counts row versions (inserted, updated, deleted) by
    table, except in temporary tables.
    """

    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    memory: int
    wal: int
    landed: int = 0
    written: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of row versions written in all tables."""
        return sum(self.written.values())


class RunFailedError(Exception):
    """A measured program failed, so its figures would mean nothing."""

    def __init__(self, command: Sequence[str], code: int, log: Path) -> None:
        """Name program, exit code and log."""
        super().__init__(f"{' '.join(command[:3])} … ended with {code}: nothing was measured. See {log}.")


def run_measured(
    command: Sequence[str], variables: Mapping[str, str], conninfo: str, log: Path, servers: Sequence[int] = ()
) -> Measured:
    """Run the command, its output to `log`; raise RunFailedError if it fails. `servers` are process ids of Postgres."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        position, before, served = wal_position(connection), _written(connection), _server_cpu_seconds(servers)
        landed = _landed(connection)
        started_at = time.perf_counter()
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, env=dict(variables), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            memory = _Memory(process.pid)
            memory.start()
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
        seconds = time.perf_counter() - started_at
        process.returncode = code = os.waitstatus_to_exitcode(status)
        memory.stop()
        if code:
            raise RunFailedError(command, code, log)
        after = _final_counters(connection)
        served = _server_cpu_seconds(servers) - served
        wal = wal_position(connection) - position
        landed = _landed(connection) - landed
    written = {table: count - before.get(table, 0) for table, count in after.items() if count != before.get(table, 0)}
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Measured(seconds, cpu_seconds, served, memory.peak, wal, landed, written)


def _server_cpu_seconds(servers: Sequence[int]) -> float:
    """Return the CPU seconds of the servers and all of their processes so far, also of those that have ended."""
    total = 0.0
    for server in map(psutil.Process, servers):
        times = server.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        for child in server.children():
            try:
                total += sum(child.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
    return total


def wal_position(connection: psycopg.Connection) -> int:
    """Return how many bytes of WAL the server has written."""
    row = connection.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").fetchone()
    return int(row[0]) if row else 0


def _landed(connection: psycopg.Connection) -> int:
    """Return the bytes of all pages that are stored; 0 in a database without the pipeline's tables."""
    found = connection.execute("select to_regclass('inn8_raw.pages') is not null").fetchone()
    if not (found and found[0]):
        return 0
    row = connection.execute("select coalesce(sum(byte_count), 0) from inn8_raw.pages").fetchone()
    return int(row[0]) if row else 0


def _written(connection: psycopg.Connection) -> dict[str, int]:
    return {str(table): int(count) for table, count in connection.execute(WRITTEN).fetchall()}


def _final_counters(connection: psycopg.Connection) -> dict[str, int]:
    """Return the counters when they no longer change: a session reports its own when it ends."""
    found = _written(connection)
    for _ in range(20):
        time.sleep(0.1)
        before, found = found, _written(connection)
        if before == found:
            break
    return found


class _Memory(threading.Thread):
    """Sample the memory of a process and its descendants as proportional set size: shared pages count once."""

    def __init__(self, process_id: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._process = psutil.Process(process_id)
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._sample())

    def stop(self) -> None:
        self._is_over.set()
        self.join()

    def _sample(self) -> int:
        total = 0
        try:
            tree = [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        for each in tree:
            try:
                total += (
                    each.memory_footprint().pss if hasattr(each, "memory_footprint") else each.memory_full_info().pss
                )
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total
