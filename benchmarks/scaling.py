"""Measure this pipeline with slow pages, four times as many records, and twenty times as many rows."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks.contestants import CONTESTANTS
from benchmarks.measure import run_measured
from benchmarks.scenarios import CHANGED, run_once, say
from benchmarks.stage import Size, Stage, open_stage

OURS: Final = next(each for each in CONTESTANTS if each.name == "ours")
DELAY_SECONDS: Final = 0.1
WINDOW_RUNS: Final = 3


@dataclass(frozen=True, slots=True)
class Paging:
    """Seconds of an unchanged sync with a delay before each page, by the number of pages fetched at a time."""

    pages: int
    delay_seconds: float
    serial_seconds: float
    default_seconds: float


def paging(size: Size, folder: Path) -> Paging:
    """Measure pages one by one, and as many at a time as by default. The first load is not measured."""
    with open_stage(dataclasses.replace(size, delay=DELAY_SECONDS), folder, "") as stage:
        OURS.prepare(stage)
        _seconds(stage, "32")
        serial_seconds, default_seconds = _seconds(stage, "1"), _seconds(stage, None)
    pages = sum(-(-each // 1000) for each in (size.transactions, size.clients, size.portfolios))
    return Paging(pages, DELAY_SECONDS, serial_seconds, default_seconds)


def _seconds(stage: Stage, pages_at_a_time: str | None) -> float:
    variables = OURS.environment(stage)
    if pages_at_a_time:
        variables["INN8_PAGES_AT_A_TIME"] = pages_at_a_time
    stage.vacuum(OURS.name)
    command = OURS.command(stage, stage.sandbox.first_date, stage.sandbox.last_date)
    seconds = run_measured(command, variables, stage.conninfo(OURS.name), stage.folder / "paging.log").seconds
    say(f"{pages_at_a_time or 'the default'} pages at a time: {seconds:.2f} s")
    return seconds


def peak_memory(size: Size, folder: Path) -> int:
    """Return the peak memory of a first load of this size, in bytes."""
    with open_stage(size, folder, "") as stage:
        OURS.prepare(stage)
        return run_once(stage, OURS, "first", 1, stage.sandbox.first_date, stage.sandbox.last_date).measured.memory


def windows(size: Size, folder: Path, multiples: tuple[int, int]) -> tuple[float, float]:
    """Return the median seconds of one day's window, 1 % of it changed, in tables of two multiples of the size."""
    with open_stage(size, folder, "") as stage:
        OURS.prepare(stage)
        run_once(stage, OURS, "first", 1, stage.sandbox.first_date, stage.sandbox.last_date)
        small = _windows_after(stage, 1, multiples[0])
        return small, _windows_after(stage, multiples[0], multiples[1])


def _windows_after(stage: Stage, present: int, wanted: int) -> float:
    if wanted > present:
        stage.execute(OURS.name, *OURS.grow(present, wanted - 1))
    seconds = []
    for number in range(1, WINDOW_RUNS + 1):
        day = stage.sandbox.first_date + timedelta(days=7 + number)
        stage.sandbox.change(CHANGED, f"{wanted} times, {number}")
        stage.sandbox.warm(day, day)
        seconds.append(run_once(stage, OURS, "window", number, day, day).measured.seconds)
    return sorted(seconds)[len(seconds) // 2]
