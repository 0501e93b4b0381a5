"""Say in one line whether the syncs of a part of the sync log were complete."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support.missing_ticks import MissingTick, MissReason, Ticks
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
    syncs: "Sequence[LoggedSync]",
    with_later: "Sequence[LoggedSync]" = (),
    ticks: Ticks | None = None,
    *,
    has_more: bool = False,
) -> str:
    """Return a line that says whether these syncs, which are newest first, were complete.

    A sync was complete if it was a `Success`, or `NoData`. Another one is made good by a later sync of the entity that
    has all its days. Times are in the zone of the terminal.

    Args:
        syncs: The syncs.
        with_later: The same and the later ones that may have made them good, if there are any.
        ticks: The ticks of the period; None if they do not matter.
        has_more: Whether the sync log may have older syncs that match.

    """
    last_at = syncs[0].entry.started_at if syncs else None
    found = [each for each in shortfalls(with_later or syncs) if last_at and each.at <= last_at]
    entities = len({(sync.tenant_id, sync.entity) for sync in syncs})
    counted = f"{'the last ' if has_more else ''}{_plural(len(syncs), 'sync', 'syncs')}"
    counted += f" of {_plural(entities, 'entity', 'entities')}" if syncs else ""
    parts = [_of_syncs(syncs, found, counted)]
    if ticks and ticks.expected:
        parts.append(_of_ticks(ticks))
    if last_at:
        parts.append(f"the last began at {times([last_at])}")
    return f"{_word([*found, *(ticks.missing if ticks else ())])}: {'; '.join(parts)}."


def _of_syncs(syncs: "Sequence[LoggedSync]", found: Sequence[Shortfall], counted: str) -> str:
    if found:
        return f"no {Status.SUCCESS} in {len(found):,} of {counted}: {'; '.join(_phrases(found))}"
    if not syncs:
        return counted
    empty = sum(sync.entry.status is Status.NO_DATA for sync in syncs)
    return f"{counted}, each a {Status.SUCCESS}" + (f" or {Status.NO_DATA} ({empty:,})" if empty else "")


def _of_ticks(ticks: Ticks) -> str:
    """Return how many ticks have no sync, and a phrase for each time and reason, with all entities that share it."""
    if not ticks.missing:
        return f"{_plural(ticks.expected, 'tick', 'ticks')}, none without its sync"
    has_several = len({each.key[0] for each in ticks.missing}) > 1
    alike: dict[tuple[bool, str], list[str]] = {}
    for key, of_key in groupby(ticks.missing, key=lambda each: each.key):
        name = "/".join(key) if has_several else key[1]
        for (reason, good_at), group in groupby(of_key, key=lambda each: (each.reason, each.made_good_at)):
            good = f", made good at {times([good_at])}" if good_at else ""
            why = "" if reason is MissReason.UNKNOWN else f" ({reason})"
            text = f"at {times(each.at for each in group)}{good}{why}"
            alike.setdefault((good_at is not None, text), []).append(name)
    phrases = [f"{', '.join(names)} {text}" for (_, text), names in sorted(alike.items(), key=lambda each: each[0][0])]
    listed = "; ".join(_at_most(phrases))
    why = f" ({MissReason.UNKNOWN})" if ticks.are_unknown else ""
    return f"no sync for {len(ticks.missing):,} of {_plural(ticks.expected, 'tick', 'ticks')}{why}: {listed}"


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


def _word(found: Sequence[Shortfall | MissingTick]) -> str:
    open_ones = [each for each in found if each.made_good_at is None]
    if not open_ones:
        return "Complete by now" if found else "Complete"
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
    return _at_most(phrases)


def _at_most(phrases: Sequence[str]) -> list[str]:
    more = len(phrases) - _MOST_PHRASES
    return [*phrases[:_MOST_PHRASES], *([f"and {more} more"] if more > 0 else [])]


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
