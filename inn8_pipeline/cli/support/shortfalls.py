"""What was not complete in a part of the sync log: what happened, how many rejects are open, what made it good."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from inn8_pipeline.entities import Window
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import OPEN_REJECTS

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
_LONGEST_CAUSE = 110
_OPEN = re.compile(rf"(\d+) {OPEN_REJECTS}[^.]*\.\s*")
"""The sentence of a sync's message about the open rejects of the entity."""
_END_OF_SENTENCE = re.compile(r"\.(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was not complete.

    Attributes:
        name: The entity.
        status: How its sync ended.
        at: When it began.
        made_good_at: The start of the sync that made it good, if any.
        rejected: How many rejects of the entity are open, also those of earlier syncs: each sync tries them again.
        cause: What else happened, by the message of the sync.

    """

    name: str
    status: Status
    at: datetime
    made_good_at: datetime | None = None
    rejected: int = 0
    cause: str = ""

    @property
    def is_running(self) -> bool:
        """True if the sync has not ended."""
        return self.status is Status.IN_PROGRESS


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
            found.append(_shortfall(name, at, sync, min(makes_good, default=None)))
        written[status, sync.window] = at
    return found


def _shortfall(name: str, at: datetime, sync: "LoggedSync", made_good_at: datetime | None) -> Shortfall:
    """Return what was not complete. Rejects that somebody has accepted are no cause: the message has open ones only."""
    entry = sync.entry
    said = _OPEN.match(entry.description)
    other = entry.description[said.end() :] if said else entry.description
    cause = _END_OF_SENTENCE.split(other, maxsplit=1)[0].strip()
    if len(cause) > _LONGEST_CAUSE:
        cause = f"{cause[:_LONGEST_CAUSE].rsplit(' ', 1)[0]} …"
    rejected = int(said[1]) if said else 0
    return Shortfall(name, entry.status, at, made_good_at, rejected, cause)


def _covers(window: Window | None, wanted: Window | None) -> bool:
    return wanted is None or (window is not None and wanted.from_date in window and wanted.to_date in window)


def phrases(found: Sequence[Shortfall]) -> list[str]:
    """Return a phrase for what happened alike; first what nothing has made good.

    What happened to an entity is that of its last sync.
    """

    def kind(each: Shortfall) -> tuple[bool, str, str, str]:
        good_at = each.made_good_at
        return good_at is not None, each.name, each.status, good_at.isoformat() if good_at else ""

    alike: dict[tuple[bool, str, Status, bool, str], list[list[Shortfall]]] = {}
    for _, grouped in groupby(sorted(found, key=kind), key=kind):
        group = sorted(grouped, key=lambda each: each.at)
        last = group[-1]
        good = f", made good at {times([last.made_good_at])}" if last.made_good_at else ""
        alike.setdefault((bool(good), good, last.status, last.rejected > 0, last.cause), []).append(group)
    in_order = sorted(alike.items(), key=lambda each: each[0][0])
    return at_most([f"{_what(groups)} at {times(_starts(groups))}{good})" for (_, good, *_), groups in in_order])


def _starts(groups: Iterable[Sequence[Shortfall]]) -> list[datetime]:
    return [each.at for group in groups for each in group]


def _what(groups: Sequence[Sequence[Shortfall]]) -> str:
    """Return what happened, and how many rejects are open, of which entities. A group is of one, oldest first."""
    last = [group[-1] for group in groups]
    names = f"{', '.join(each.name for each in last)} {last[0].status}"
    rejected = sum(each.rejected for each in last)
    if last[0].status is Status.IN_PROGRESS:
        return f"not ended ({names}"
    if last[0].status is Status.FAILED:
        return f"nothing written{f': {last[0].cause}' if last[0].cause else ''} ({names}"
    rejects = f"{plural(rejected, 'reject', 'rejects')} open, all other records written" if rejected else ""
    return f"{', and '.join(filter(None, (rejects, last[0].cause))) or 'needs attention'} ({names}"


def times(instants: "Iterable[datetime | None]") -> str:
    """Return instants in the zone of the terminal, oldest first; of many only the first and the last."""
    known = sorted(instant.astimezone() for instant in instants if instant)
    shape = "%H:%M" if known and now() - known[0] < timedelta(hours=24) else "%m-%d %H:%M"
    texts = list(dict.fromkeys(f"{instant:{shape}}" for instant in known))
    if not texts:
        return ""
    zone = known[-1].tzname()
    if len(texts) > _MOST_TIMES:
        return f"{texts[0]} to {texts[-1]} {zone} ({len(texts):,} times)"
    return f"{', '.join(texts)} {zone}"


def at_most(phrases: Sequence[str]) -> list[str]:
    """Return the first phrases, and how many more there are."""
    more = len(phrases) - _MOST_PHRASES
    return [*phrases[:_MOST_PHRASES], *([f"and {more} more"] if more > 0 else [])]


def plural(count: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else many}"
