"""Samples during the soak test: memory of long-lived processes, connections, the size of the event log."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

import psutil
import sqlalchemy.exc

from inn8_pipeline_tests.system.environment import STORAGE, WAREHOUSE, SoakEnvironment

MEBIBYTE = 1024 * 1024
WARM_SECONDS = 240.0
"""How long a process may grow after its start, while it loads its modules."""
ALLOWED_GROWTH = 1.15


@dataclass
class Samples:
    """Samples, one each minute."""

    memory: dict[tuple[str, int], list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    connections: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)

    def take(self, environment: SoakEnvironment) -> str:
        """Take one sample, and return it as a line."""
        for name, process in environment.processes().items():
            try:
                age = time.time() - process.create_time()
                self.memory[name, process.pid].append((age, process.memory_info().rss))
            except psutil.NoSuchProcess:
                continue
        try:
            ((connections,),) = environment.rows(
                WAREHOUSE, "select count(*) from pg_stat_activity where datname is not null"
            )
            ((events,),) = environment.rows(STORAGE, "select count(*) from event_logs")
        except sqlalchemy.exc.OperationalError:
            return "Postgres does not answer just now"
        self.connections.append(connections)
        self.events.append(events)
        held = ", ".join(f"{name} {of[-1][1] // MEBIBYTE} MiB" for (name, _), of in list(self.memory.items())[-4:])
        return f"{connections} connections, {events} events; {held}"

    def growth(self) -> dict[str, tuple[float, int, int]]:
        """Return of the longest-lived process of each kind the minutes, the MiB once warm, and the MiB at the end."""
        found: dict[str, tuple[float, int, int]] = {}
        for (name, _), seen in self.memory.items():
            warm = [held for age, held in seen if age > WARM_SECONDS]
            minutes = (seen[-1][0] - seen[0][0]) / 60
            if len(warm) > 4 and minutes > found.get(name, (0.0, 0, 0))[0]:
                third = max(len(warm) // 3, 1)
                found[name] = (minutes, int(median(warm[:third])) // MEBIBYTE, int(median(warm[-third:])) // MEBIBYTE)
        return found

    def faults(self) -> list[str]:
        """Return everything that has grown beyond its bound."""
        found = [
            f"{name} grew from {warm} to {end} MiB in {minutes:.0f} minutes"
            for name, (minutes, warm, end) in self.growth().items()
            if end > warm * ALLOWED_GROWTH
        ]
        third = max(len(self.connections) // 3, 1)
        first, last = self.connections[:third], self.connections[-third:]
        if self.connections and median(last) > median(first) + 5:
            found.append(f"connections grew from {median(first)} to {median(last)}")
        return found
