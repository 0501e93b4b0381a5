"""The scenarios, and the order of the runs: every contestant runs a scenario before the next scenario begins."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from benchmarks.contestants import Contestant
from benchmarks.measure import Measured, run_measured
from benchmarks.stage import Stage

CHANGED: Final = 0.01
NEW: Final = 50
TIMES: Final = 10
SCENARIOS: Final = {
    "first": "first load",
    "unchanged": "nothing changed",
    "changed": "1 % changed",
    "newest": f"{NEW} new, newest first",
    "end": f"{NEW} new, at the end",
    "window": f"one day, 1 % of it changed, in {TIMES} times as many rows",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run."""

    scenario: str
    contestant: str
    round: int
    measured: Measured


def run_rounds(
    stage: Stage, contestants: Iterable[Contestant], rounds: int, *, slow_rounds: int, window_rounds: int
) -> Iterable[Run]:
    """Yield the runs of each round. dlt as documented, the slowest, takes part only in the first `slow_rounds`."""
    everyone = tuple(contestants)
    for number in range(1, rounds + 1):
        taking_part = [each for each in everyone if each.name != "dlt" or number <= slow_rounds]
        if number % 2 == 0:
            taking_part.reverse()
        for each in taking_part:
            each.prepare(stage)
        yield from _scenario(stage, taking_part, "first", number)
        yield from _scenario(stage, taking_part, "unchanged", number)
        stage.sandbox.change(CHANGED, f"round {number}")
        stage.sandbox.warm(stage.sandbox.first_date, stage.sandbox.last_date)
        yield from _scenario(stage, taking_part, "changed", number)
        for scenario in ("newest", "end"):
            stage.sandbox.insert(NEW, f"{scenario}-{number}", at_end=scenario == "end")
            stage.sandbox.warm(stage.sandbox.first_date, stage.sandbox.last_date)
            yield from _scenario(stage, taking_part, scenario, number)
        if number == rounds:
            yield from _windows(stage, [each for each in everyone if each in taking_part], window_rounds)


def _scenario(stage: Stage, contestants: Iterable[Contestant], scenario: str, number: int) -> Iterable[Run]:
    for each in contestants:
        yield run_once(stage, each, scenario, number, stage.sandbox.first_date, stage.sandbox.last_date)


def _windows(stage: Stage, contestants: Iterable[Contestant], rounds: int) -> Iterable[Run]:
    """Yield runs that sync one working day each, in a table grown to TIMES its size."""
    days = [_working_day(stage.sandbox.first_date + timedelta(days=7 * number)) for number in range(1, rounds + 1)]
    if not days:
        return
    stage.sandbox.change(CHANGED, "windows")
    for day in days:
        stage.sandbox.warm(day, day)
    for each in contestants:
        say(f"growing the table of {each.name}")
        stage.execute(each.name, *each.grow(1, TIMES - 1))
        for number, day in enumerate(days, 1):
            yield run_once(stage, each, "window", number, day, day)


def _working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.isoweekday() + 1) if day.isoweekday() > 5 else 0)  # noqa: PLR2004


def run_once(  # noqa: PLR0913, PLR0917 (what a run is)
    stage: Stage, contestant: Contestant, scenario: str, number: int, from_date: date, to_date: date
) -> Run:  # fmt: skip
    """Return one measured run, on a vacuumed database."""
    stage.vacuum(contestant.name)
    measured = run_measured(
        contestant.command(stage, from_date, to_date), contestant.environment(stage),
        stage.conninfo(contestant.name), stage.folder / f"{contestant.name}.log", stage.servers,
    )  # fmt: skip
    say(
        f"round {number} {scenario:9} {contestant.name:9} {measured.seconds:6.2f} s  "
        f"cpu {measured.cpu_seconds:6.2f} + {measured.server_cpu_seconds:5.2f} s  {measured.memory / 1e6:5.0f} MB  "
        f"WAL {measured.wal / 1e6:8.2f} MB  landed {measured.landed / 1e6:7.2f} MB  {measured.rows} rows"
    )
    return Run(scenario, contestant.name, number, measured)


def say(line: str) -> None:
    """Print a line of progress."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
