"""`python -m benchmarks`: run the whole benchmark, or a short one. It writes RESULTS.md and chart.svg."""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from benchmarks import chart, report, scaling
from benchmarks.contestants import CONTESTANTS, HERE
from benchmarks.measure import SAMPLE_SECONDS, RunFailedError
from benchmarks.report import BenchmarkResults
from benchmarks.scenarios import SCENARIOS, Run, run_rounds, say
from benchmarks.stage import DAYS, Size, Stage, open_stage

TITLES: Final = {each.name: each.title for each in CONTESTANTS}
PACKAGES: Final = ("dagster", "httpx", "msgspec", "pandas", "psycopg", "pyarrow")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the results, and write the two files into `--output`."""
    given = _parser().parse_args(arguments)
    # Exit normally after a signal, so that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    size = Size(given.transactions, max(1, given.transactions // 50), max(1, given.transactions // 25))
    folder = Path(tempfile.mkdtemp(prefix="inn8-bench-"))
    started_at, load = datetime.now(UTC), os.getloadavg()
    try:
        with open_stage(size, folder, given.dlt_python) as stage:
            machine = _machine(stage)
            runs = _runs(stage, given)
        findings = _with_extras(BenchmarkResults(runs), given, size, folder)
        facts = [
            f"{started_at:%Y-%m-%d %H:%M} to {datetime.now(UTC):%H:%M} UTC",
            *machine,
            _load(load),
            *_missing(findings),
            *given.note,
        ]
        _write(findings, size, facts, given.output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(stage: Stage, given: argparse.Namespace) -> list[Run]:
    taking_part = [each for each in CONTESTANTS if given.only is None or each.name in given.only]
    found: list[Run] = []
    ends_at = None if given.minutes is None else time.monotonic() + given.minutes * 60
    rounds = run_rounds(
        stage, taking_part, given.rounds, slow_rounds=given.slow_rounds or given.rounds,
        window_rounds=given.window_rounds,
    )  # fmt: skip
    try:
        for run in rounds:
            found.append(run)
            if ends_at is not None and time.monotonic() > ends_at:
                say("The time is over: the runs measured so far are reported.")
                break
    except (RunFailedError, SystemExit) as error:
        if not found:
            raise
        say(f"Interrupted ({error}): the runs measured so far are reported.")
    return found


def _with_extras(findings: BenchmarkResults, given: argparse.Namespace, size: Size, folder: Path) -> BenchmarkResults:
    if given.paging:
        findings = replace(findings, paging=scaling.paging(size, folder / "paging"))
    if given.memory:
        few, many = size, replace(size, transactions=size.transactions * 4)
        memory = {
            each.transactions: scaling.peak_memory(each, folder / f"memory{each.transactions}") for each in (few, many)
        }
        findings = replace(findings, memory=memory)
    if given.large:
        small, large = scaling.windows(size, folder / "large", (2, 20))
        findings = replace(findings, windows={size.transactions * 2: small, size.transactions * 20: large})
    return findings


def _machine(stage: Stage) -> list[str]:
    """Return the lines that describe the machine and the versions."""
    command = [stage.other_python, "-c", "from importlib.metadata import version; print(version('dlt'))"]
    dlt = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    postgres = _postgres_version(stage)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, Postgres {postgres} (embedded, durable, Unix socket)",
        f"{versions}; dlt {dlt}",
    ]


def _postgres_version(stage: Stage) -> str:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(stage.conninfo("postgres")) as connection:
        row = connection.execute("show server_version").fetchone()
    return str(row[0]) if row else "?"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _missing(findings: BenchmarkResults) -> list[str]:
    """Return the names of the scenarios that were not measured."""
    medians = findings.medians(TITLES)
    without = [title for scenario, title in SCENARIOS.items() if scenario not in medians]
    extras = {
        "paging with a delay": findings.paging,
        "four times as many records": findings.memory,
        "20 times as many rows": findings.windows,
    }
    without += [title for title, found in extras.items() if not found]
    return [f"Not measured: {'; '.join(without)}"] if without else []


def _load(before: tuple[float, float, float]) -> str:
    return f"Load average over 5 minutes: {before[1]:.1f} before the first run, {os.getloadavg()[1]:.1f} after the last"


def _write(findings: BenchmarkResults, size: Size, facts: Sequence[str], output: Path) -> None:
    tables, promises = report.tables(findings, TITLES), report.promises(findings)
    say(tables + "\n" + promises)
    intro = f"""# Results of `make bench`

{size.transactions:,} transactions over {DAYS} days, {size.clients:,} clients, {size.portfolios:,} portfolios, in pages
of 1,000.
Each figure is a median; if there were several rounds, the minimum and maximum are in brackets.

"""
    lines = (
        intro
        + "".join(f"- {fact}\n" for fact in facts)
        + f"""
Whole processes are measured, from start to end; for this pipeline that includes Dagster, whose storage is in a second
Postgres. CPU is the user and system time of the program's processes, and in a column of its own that of Postgres (both
servers); the sandbox is not counted. Memory is the highest sum of PSS over the process tree, sampled every
{SAMPLE_SECONDS * 1000:.0f} ms. WAL is that of the warehouse's server. "Pages stored" are the bytes of
the pages that INN8 had not sent before, which only this pipeline keeps. Rows are versions written (inserted, updated,
deleted) in all tables except temporary ones, so dlt's staging tables are included. Before each run the database is
vacuumed, analyzed and checkpointed; autovacuum is off during the runs.

## Targets

{promises}"""
    )
    output.mkdir(parents=True, exist_ok=True)
    (output / "RESULTS.md").write_text(lines + tables, encoding="utf-8")
    (output / "chart.svg").write_text(chart.draw(findings.medians(TITLES), SCENARIOS, TITLES), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare ours, dlt and a bare script.")
    parser.add_argument("--dlt-python", required=True, help="the Python of an environment with dlt")
    parser.add_argument("--transactions", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-rounds", type=int, help="rounds of dlt as documented (default: all)")
    parser.add_argument("--window-rounds", type=int, default=3, help="0 leaves out the runs on grown tables")
    parser.add_argument("--minutes", type=float, help="start no further run after so many minutes")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), help="run only these contestants")
    parser.add_argument("--paging", action="store_true", help="also a delay of 0.1 s per page, serial and concurrent")
    parser.add_argument("--memory", action="store_true", help="also our memory with four times as many records")
    parser.add_argument("--large", action="store_true", help="also one day's window in 2 and 20 times as many rows")
    parser.add_argument("--note", action="append", default=[], help="a remark for RESULTS.md; may be repeated")
    parser.add_argument("--output", type=Path, default=HERE)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
