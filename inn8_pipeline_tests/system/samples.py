"""Samples during the soak test, and how each of them grows: memory, connections, zombies, events, the tables."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import linear_regression, median

import psutil
import sqlalchemy.exc

from inn8_pipeline_tests.system.environment import STORAGE, WAREHOUSE, SoakEnvironment

MEBIBYTE = 1024 * 1024
HOUR = 3600.0
WARM_SECONDS = 240.0
"""How long a process may grow after its start, while it loads its modules."""
ALLOWED_GROWTH = 0.15
"""The part of its memory by which a warm process may grow during the soak, along its regression line."""
ALLOWED_MORE = {"connections": 5.0, "zombies": 2.0}
"""By how many each of them may grow during the soak, along its regression line."""
ENOUGH = 5
"""The fewest samples that have a slope."""

_CONNECTIONS = "select count(*) from pg_stat_activity where datname is not null"
_EVENTS = "select count(*) from event_logs"
_BYTES = "select pg_database_size(current_database())"


@dataclass(frozen=True)
class Slope:
    """How something grew: its median, its change per hour along the regression line, and the hours observed."""

    typical: float
    per_hour: float
    hours: float

    @property
    def growth(self) -> float:
        """The change over the hours observed."""
        return self.per_hour * self.hours


@dataclass
class Samples:
    """Samples, one each minute, each with its time: of processes their age, of all others the time of day."""

    memory: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    counted: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, environment: SoakEnvironment) -> str:
        """Take one sample, and return it as a line."""
        for name, process in environment.processes().items():
            try:
                age = time.time() - process.create_time()
                self.memory[name, process.pid].append((age, process.memory_info().rss / MEBIBYTE))
            except psutil.NoSuchProcess:
                continue
        try:
            sample = {
                "connections": _number(environment, WAREHOUSE, _CONNECTIONS),
                "events kept": _number(environment, STORAGE, _EVENTS),
                "MiB of the warehouse": _number(environment, WAREHOUSE, _BYTES) / MEBIBYTE,
                "MiB of Dagster's storage": _number(environment, STORAGE, _BYTES) / MEBIBYTE,
                "zombies": environment.zombies(),
            }
        except sqlalchemy.exc.OperationalError:
            return "Postgres does not answer just now"
        for name, value in sample.items():
            self.counted[name].append((time.time(), value))
        held = {name: f"{name} {of[-1][1]:.0f} MiB" for (name, _), of in self.memory.items()}
        return ", ".join(f"{value:.0f} {name}" for name, value in sample.items()) + "; " + ", ".join(held.values())

    def slopes(self) -> dict[str, Slope]:
        """Return the slope of everything that was sampled; of processes, that of the longest-lived of each kind."""
        found = {name: _slope(seen) for name, seen in self.counted.items() if len(seen) >= ENOUGH}
        for name, slope in self._memory().items():
            found[f"MiB of the {name}"] = slope
        return found

    def _memory(self) -> dict[str, Slope]:
        found: dict[str, Slope] = {}
        for (name, _), seen in self.memory.items():
            warm = [each for each in seen if each[0] > WARM_SECONDS]
            if len(warm) >= ENOUGH and (name not in found or _slope(warm).hours > found[name].hours):
                found[name] = _slope(warm)
        return found

    def faults(self) -> list[str]:
        """Return everything that has grown beyond its bound."""
        found = [
            f"the {name} grew by {slope.growth:.0f} of {slope.typical:.0f} MiB in {slope.hours * 60:.0f} minutes"
            for name, slope in self._memory().items()
            if slope.growth > slope.typical * ALLOWED_GROWTH
        ]
        return found + [
            f"{name} grew by {slope.growth:.0f} in {slope.hours * 60:.0f} minutes"
            for name, slope in self.slopes().items()
            if slope.growth > ALLOWED_MORE.get(name, float("inf"))
        ]


def _number(environment: SoakEnvironment, database: str, query: str) -> float:
    ((number,),) = environment.rows(database, query)
    return float(number)


def _slope(seen: list[tuple[float, float]]) -> Slope:
    times, values = zip(*((at / HOUR, value) for at, value in seen), strict=True)
    slope, _ = linear_regression(times, values)
    return Slope(median(values), slope, times[-1] - times[0])
