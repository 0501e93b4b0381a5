"""Find the ticks of a period for which the sync log has no sync of an entity.

A tick is at each multiple of INN8_TICK_MINUTES, as it is set now, and its sync begins before the next one.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from inn8_pipeline.settings import SyncSettings
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import Trigger

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

Key = tuple[str, str]
"""A tenant's id and the name of an entity."""
_WRITTEN = frozenset({Status.SUCCESS, Status.PARTIAL_SUCCESS})


class MissReason(StrEnum):
    """Why a tick has no sync, as a remark in the line that names it."""

    UNKNOWN = "daemon down, or schedule off?"
    BUSY = "an earlier sync still ran"
    PAUSED = "the entity was paused"


@dataclass(frozen=True, slots=True)
class MissingTick:
    """A tick that started no sync of an entity, and the tick whose sync made that good, if any."""

    key: Key
    at: datetime
    reason: MissReason
    made_good_at: datetime | None

    @property
    def is_running(self) -> bool:
        """True if a sync of an earlier tick still ran."""
        return self.reason is MissReason.BUSY


@dataclass(frozen=True, slots=True)
class Ticks:
    """How many ticks of all entities a period has, and those of them that are missing."""

    expected: int
    missing: Sequence[MissingTick]

    @property
    def are_unknown(self) -> bool:
        """True if it is not known why a tick is missing."""
        return any(each.reason is MissReason.UNKNOWN for each in self.missing)

    @property
    def have_failed(self) -> bool:
        """True if a tick is missing, it is not known why, and no later sync has made that good."""
        return any(each.reason is MissReason.UNKNOWN and each.made_good_at is None for each in self.missing)

    def with_pauses(self, is_paused: Callable[[Key, datetime], bool]) -> "Ticks":
        """Return the same, with the reason of those that are missing because the entity was paused at that instant."""
        return Ticks(
            self.expected,
            [
                replace(each, reason=MissReason.PAUSED)
                if each.reason is MissReason.UNKNOWN and is_paused(each.key, each.at)
                else each
                for each in self.missing
            ],
        )


@dataclass(frozen=True, slots=True)
class _Grid:
    """The ticks from an instant on, by number."""

    first_at: datetime
    step: timedelta

    def number(self, at: datetime) -> int:
        return (at - self.first_at) // self.step

    def at(self, number: int) -> datetime:
        return self.first_at + number * self.step


def find(
    syncs: "Iterable[LoggedSync]",
    earlier: Mapping[Key, bool],
    period: tuple[datetime, datetime],
    settings: SyncSettings,
) -> Ticks:
    """Return the ticks of the period that are missing.

    Args:
        syncs: The syncs of the period, and later ones.
        earlier: The entities, and whether the sync log has a tick of each before the period. Without one, ticks are
            expected from the first one of the period on, if there is one.
        period: The first instant, and the end; a tick counts if the next one is not after the end.
        settings: The settings of the schedule.

    """
    grid = _grid(period[0], settings)
    end = grid.number(period[1])
    by_key = defaultdict(list)
    for sync in syncs:
        if sync.entry.started_at:
            by_key[sync.tenant_id, sync.entity].append((grid.number(sync.entry.started_at), sync))
    expected, missing = 0, []
    for key, has_earlier in earlier.items():
        ticks = [(number, sync) for number, sync in by_key[key] if sync.trigger is Trigger.TICK]
        have = {number for number, _ in ticks}
        first = 0 if has_earlier else min(have, default=end)
        expected += max(end - first, 0)
        busy = {later for number, sync in ticks for later in range(number + 1, _end_of(sync, grid, end))}
        good = sorted(number for number, sync in by_key[key] if _makes_good(sync))
        for number in (each for each in range(first, end) if each not in have):
            reason = MissReason.BUSY if number in busy else MissReason.UNKNOWN
            later = bisect_left(good, number)
            good_at = grid.at(good[later]) if later < len(good) else None
            missing.append(MissingTick(key, grid.at(number), reason, good_at))
    return Ticks(expected, missing)


def _grid(from_at: datetime, settings: SyncSettings) -> _Grid:
    """Return the ticks from the first one that is not before the instant; they are by the clock of INN8_TIMEZONE."""
    local = from_at.astimezone(ZoneInfo(settings.timezone))
    past = timedelta(minutes=local.minute % settings.tick_minutes, seconds=local.second, microseconds=local.microsecond)
    step = timedelta(minutes=settings.tick_minutes)
    return _Grid(from_at - past + step if past else from_at, step)


def _end_of(sync: "LoggedSync", grid: _Grid, end: int) -> int:
    """Return the number of the first tick after the end of the sync; `end` if it has not ended."""
    return end if sync.entry.ended_at is None else min(grid.number(sync.entry.ended_at) + 1, end)


def _makes_good(sync: "LoggedSync") -> bool:
    """Return whether the sync wrote what an earlier tick would have written: not a backfill of some days."""
    return sync.entry.status in _WRITTEN and (sync.window is None or sync.trigger in {Trigger.TICK, Trigger.SWEEP})
