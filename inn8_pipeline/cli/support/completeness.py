"""Say in one line whether the syncs of a part of the sync log were complete."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from inn8_pipeline.entities import Window
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

_MADE_GOOD_BY = {
    Status.FAILED: {Status.SUCCESS, Status.PARTIAL_SUCCESS},
    Status.IN_PROGRESS: {Status.SUCCESS, Status.PARTIAL_SUCCESS},
    Status.PARTIAL_SUCCESS: {Status.SUCCESS},
}
"""The statuses of a sync that is not complete, and those of a later sync that makes it good."""
_MOST_TIMES = 4
_MOST_PHRASES = 6


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was not complete: an entity, what happened, when, and the start of the sync that made it good, if any."""

    name: str
    what: str
    at: datetime
    made_good_at: datetime | None = None
    is_running: bool = False


def completeness(
    syncs: "Sequence[LoggedSync]", with_later: "Sequence[LoggedSync]" = (), *, has_more: bool = False
) -> str:
    """Return a line that says whether these syncs, which are newest first, were complete.

    A sync was complete if it was a `Success`, or `NoData`. Another one is made good by a later sync of the entity that
    has all its days. Times are in the zone of the terminal.

    Args:
        syncs: The syncs, at least one.
        with_later: The same and the later ones that may have made them good, if there are any.
        has_more: Whether the sync log may have older syncs that match.

    """
    last_at = syncs[0].entry.started_at
    found = [each for each in shortfalls(with_later or syncs) if last_at and each.at <= last_at]
    entities = len({(sync.tenant_id, sync.entity) for sync in syncs})
    counted = f"{'the last ' if has_more else ''}{_plural(len(syncs), 'sync', 'syncs')}"
    counted += f" of {_plural(entities, 'entity', 'entities')}"
    last = f"the last began at {times([last_at])}"
    if not found:
        empty = sum(sync.entry.status is Status.NO_DATA for sync in syncs)
        statuses = f"each a {Status.SUCCESS}" + (f" or {Status.NO_DATA} ({empty})" if empty else "")
        return f"Complete: {counted}, {statuses}; {last}."
    what = "; ".join(_phrases(found))
    return f"{_word(found)}: no {Status.SUCCESS} in {len(found):,} of {counted}: {what}; {last}."


def shortfalls(syncs: "Iterable[LoggedSync]") -> list[Shortfall]:
    """Return the syncs that were not complete, newest first, each with the later sync that made it good."""
    logged = list(syncs)
    has_several = len({sync.tenant_id for sync in logged}) > 1
    later: dict[tuple[str, str], dict[tuple[Status, Window | None], datetime]] = {}
    found = []
    for sync in logged:
        status, at = sync.entry.status, sync.entry.started_at
        if at is None:
            continue
        written = later.setdefault((sync.tenant_id, sync.entity), {})
        if status in _MADE_GOOD_BY:
            makes_good = [
                began_at
                for (its_status, window), began_at in written.items()
                if its_status in _MADE_GOOD_BY[status] and _covers(window, sync.window)
            ]
            name = f"{sync.tenant_id}/{sync.entity}" if has_several else sync.entity
            is_running = status is Status.IN_PROGRESS
            found.append(Shortfall(name, str(status), at, min(makes_good, default=None), is_running))
        written[status, sync.window] = at
    return found


def times(instants: "Iterable[datetime | None]") -> str:
    """Return instants in the zone of the terminal, oldest first; of many only the first and the last."""
    known = sorted(instant.astimezone() for instant in instants if instant)
    shape = "%H:%M" if known and now() - known[0] < timedelta(hours=24) else "%m-%d %H:%M"
    texts = list(dict.fromkeys(f"{instant:{shape}}" for instant in known))
    if not texts:
        return ""
    zone = known[-1].tzname()
    if len(texts) > _MOST_TIMES:
        return f"{texts[0]} to {texts[-1]} {zone} ({len(known):,} times)"
    return f"{', '.join(texts)} {zone}"


def _covers(window: Window | None, wanted: Window | None) -> bool:
    return wanted is None or (window is not None and wanted.from_date in window and wanted.to_date in window)


def _word(found: Sequence[Shortfall]) -> str:
    open_ones = [each for each in found if each.made_good_at is None]
    if not open_ones:
        return "Complete by now"
    return "NOT ended yet" if all(each.is_running for each in open_ones) else "NOT complete"


def _phrases(found: Sequence[Shortfall]) -> list[str]:
    """Return a phrase for each entity, status and sync that made it good; first what nothing has made good."""

    def kind(each: Shortfall) -> tuple[bool, str, str, str]:
        good_at = each.made_good_at
        return good_at is not None, each.name, each.what, good_at.isoformat() if good_at else ""

    phrases = []
    for _, grouped in groupby(sorted(found, key=kind), key=kind):
        group = list(grouped)
        first = group[0]
        good = f", made good at {times([first.made_good_at])}" if first.made_good_at else ""
        phrases.append(f"{first.name} {first.what} at {times(each.at for each in group)}{good}")
    more = len(phrases) - _MOST_PHRASES
    return [*phrases[:_MOST_PHRASES], *([f"and {more} more"] if more > 0 else [])]


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
