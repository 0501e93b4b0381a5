"""Format the results as Markdown: medians with their spread, ratios, and the targets with what was measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import MEBIBYTE, Measured
from benchmarks.scaling import Paging
from benchmarks.scenarios import SCENARIOS, Run

HEAD = (
    "| | seconds | ours is … times as fast | CPU seconds | Postgres's | peak memory | WAL | pages stored | rows |",
    "|---|---|---|---|---|---|---|---|---|",
)
WAREHOUSE_TABLES = ("inn8.clients", "inn8.portfolios", "inn8.securities", "inn8.transactions", "inn8_raw.pages")


@dataclass(frozen=True, slots=True)
class BenchmarkResults:
    """All results. `memory` is that of this pipeline in bytes by transactions, `windows` are seconds by rows."""

    runs: Sequence[Run]
    paging: Paging | None = None
    memory: Mapping[int, int] = field(default_factory=dict)
    windows: Mapping[int, float] = field(default_factory=dict)

    def of(self, scenario: str, name: str) -> list[Measured]:
        """Return the rounds of one contestant in one scenario."""
        return [run.measured for run in self.runs if (run.scenario, run.contestant) == (scenario, name)]

    def seconds(self, scenario: str, name: str) -> float | None:
        """Return the median of the rounds of one contestant in one scenario."""
        rounds = self.of(scenario, name)
        return median(each.seconds for each in rounds) if rounds else None

    def medians(self, names: Iterable[str]) -> dict[str, dict[str, float]]:
        """Return median seconds by scenario and contestant, for those that ran."""
        wanted = tuple(names)
        found = {
            scenario: {name: seconds for name in wanted if (seconds := self.seconds(scenario, name)) is not None}
            for scenario in SCENARIOS
        }
        return {scenario: of_scenario for scenario, of_scenario in found.items() if of_scenario}


def tables(findings: BenchmarkResults, titles: Mapping[str, str]) -> str:
    """Return a Markdown table for each scenario; medians, with the range if there were several rounds."""
    lines: list[str] = []
    for scenario, of_scenario in findings.medians(titles).items():
        lines += ["", f"## {SCENARIOS[scenario].capitalize()}", "", *HEAD]
        ours = of_scenario.get("ours")
        for name, seconds in of_scenario.items():
            rounds = findings.of(scenario, name)
            cells = [
                titles[name],
                _spread(rounds, lambda each: each.seconds, "{:.2f}"),
                f"{seconds / ours:.2f}" if ours and name != "ours" else "",
                _spread(rounds, lambda each: each.cpu_seconds, "{:.2f}"),
                _spread(rounds, lambda each: each.server_cpu_seconds, "{:.2f}"),
                _spread(rounds, lambda each: each.memory / MEBIBYTE, "{:.0f}") + " MiB",
                _spread(rounds, lambda each: each.wal / 1000, "{:,.0f}") + " kB",
                _spread(rounds, lambda each: each.landed / 1000, "{:,.0f}") + " kB",
                _spread(rounds, lambda each: each.rows, "{:,.0f}"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _spread(rounds: Sequence[Measured], value: Callable[[Measured], float], shape: str) -> str:
    values = sorted(value(each) for each in rounds)
    middle = shape.format(median(values))
    return middle if len(values) == 1 else f"{middle} ({shape.format(values[0])} to {shape.format(values[-1])})"


def promises(findings: BenchmarkResults) -> str:
    """Return the table of targets: each with its measured value, reached or not. Leave out unmeasured ones."""
    lines = ["| target | measured | |", "|---|---|---|"]
    lines += [
        f"| {what} | {measured} | {'reached' if is_reached else '**not reached**'} |"
        for what, measured, is_reached in [*_ratios(findings), *_costs(findings), *_scaling(findings)]
    ]
    return "\n".join(lines) + "\n"


def _ratios(findings: BenchmarkResults) -> Iterable[tuple[str, str, bool]]:
    wanted = (
        ("dlt", "as documented", {"first": 4.0, "unchanged": 10.0, "changed": 6.0}),
        (
            "dlt_quick",
            "with its quickest settings",
            {"first": 1.1, "unchanged": 3.5, "changed": 2.0, "newest": 2.5},
        ),
    )
    for name, how, of_scenario in wanted:
        for scenario, least in of_scenario.items():
            theirs, ours = findings.seconds(scenario, name), findings.seconds(scenario, "ours")
            if theirs and ours:
                what = f"{SCENARIOS[scenario]}: {least:g} times as fast as dlt {how}"
                yield what, f"{theirs / ours:.2f} times", theirs / ours >= least
    floor, ours = findings.seconds("first", "floor"), findings.seconds("first", "ours")
    if floor and ours:
        yield "first load: at most 1.4 times the floor", f"{ours / floor:.2f} times", ours / floor <= 1.4  # noqa: PLR2004
    unchanged = findings.seconds("unchanged", "ours")
    for scenario, most in {"changed": 1.7, "newest": 1.4}.items():
        seconds = findings.seconds(scenario, "ours")
        if seconds and unchanged:
            what = f"{SCENARIOS[scenario]}: at most {most:g} times as long as an unchanged sync"
            yield what, f"{seconds / unchanged:.2f} times", seconds / unchanged <= most


def _costs(findings: BenchmarkResults) -> Iterable[tuple[str, str, bool]]:
    memory = [run.measured.memory for run in findings.runs if run.contestant == "ours"]
    if memory:
        yield "peak memory at most 300 MB", f"{max(memory) / 1e6:.0f} MB", max(memory) <= 300e6  # noqa: PLR2004
    unchanged = findings.of("unchanged", "ours")
    if unchanged:
        wal = max(each.wal for each in unchanged)
        written = sum(each.written.get(table, 0) for each in unchanged for table in WAREHOUSE_TABLES)
        yield "nothing changed: under 100 kB of WAL", f"{wal / 1000:.0f} kB", wal < 100_000  # noqa: PLR2004
        yield "nothing changed: no row of data and no page is written", f"{written} rows", written == 0

    for scenario, most_bytes in {"changed": 80_000_000, "newest": 5_000_000}.items():
        if rounds := findings.of(scenario, "ours"):
            wal = max(each.wal for each in rounds)
            what = f"{SCENARIOS[scenario]}: at most {most_bytes / 1e6:.0f} MB of WAL"
            yield what, f"{wal / 1e6:.1f} MB", wal <= most_bytes


def _scaling(findings: BenchmarkResults) -> Iterable[tuple[str, str, bool]]:
    if findings.paging:
        ratio = findings.paging.default_seconds / findings.paging.serial_seconds
        what = (
            f"{findings.paging.pages} pages of {findings.paging.delay_seconds:g} s: under a quarter of the serial time"
        )
        times = f"{findings.paging.default_seconds:.1f} s of {findings.paging.serial_seconds:.1f} s, {ratio:.2f}"
        yield what, times, ratio < 0.25  # noqa: PLR2004
    if findings.memory:
        (few, less), (many, more) = sorted(findings.memory.items())
        what = f"memory at {many:,} transactions within 10 % of that at {few:,}"
        yield what, f"{more / 1e6:.0f} MB, {less / 1e6:.0f} MB", more <= 1.1 * less
    if findings.windows:
        (few, quick), (many, slow) = sorted(findings.windows.items())
        what = f"one day in {many:,} rows: at most 1.2 times that in {few:,}"
        yield what, f"{slow:.2f} s, {quick:.2f} s, {slow / quick:.2f} times", slow <= 1.2 * quick
