"""Say in one or two sentences whether the syncs of a part of the sync log were complete."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support.missing_ticks import MissingTick, MissReason, Ticks
from inn8_pipeline.entities import Window
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import OPEN_REJECTS

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry

NOTHING_BEGAN = "NOT complete: no sync began in this period."
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
        open_rejects: How many rejects of the entity are open, also those of earlier syncs.
        rejected: How many of its records were rejected.
        fetched: The number of its records.
        cause: What else happened, by the message of the sync.

    """

    name: str
    status: Status
    at: datetime
    made_good_at: datetime | None = None
    open_rejects: int = 0
    rejected: int = 0
    fetched: int = 0
    cause: str = ""

    @property
    def is_running(self) -> bool:
        """True if the sync has not ended."""
        return self.status is Status.IN_PROGRESS


def completeness(
    syncs: "Sequence[LoggedSync]",
    with_later: "Sequence[LoggedSync]" = (),
    ticks: Ticks | None = None,
    *,
    has_more: bool = False,
    is_expected: bool = False,
) -> str:
    """Return one or two sentences that say whether these syncs, which are newest first, were complete.

    A sync was complete if it was a `Success`, or `NoData`. Another one is made good by a later sync of the entity that
    has all its days. Of what was not complete, the first sentence says what happened, to how many records. Times are in
    the zone of the terminal. The text is empty if there is nothing to say it of.

    Args:
        syncs: The syncs.
        with_later: The same and the later ones that may have made them good, if there are any.
        ticks: The ticks of the period; None if they do not matter.
        has_more: Whether the sync log may have older syncs that match.
        is_expected: Whether a period without any sync is not complete.

    """
    if is_empty(syncs, ticks):
        return NOTHING_BEGAN if is_expected else ""
    last_at = syncs[0].entry.started_at if syncs else None
    found = [each for each in shortfalls(with_later or syncs) if last_at and each.at <= last_at]
    word = _word([*found, *(ticks.missing if ticks else ())])
    counted = [_of_syncs(syncs, found, has_more=has_more)]
    if ticks and ticks.expected:
        counted.append(_of_ticks(ticks))
    if last_at:
        counted.append(f"the last began at {times([last_at])}")
    if not found:
        return f"{word}: {'; '.join(counted)}."
    rest = "; ".join(counted)
    return f"{word}: {'; '.join(_phrases(found))}. {rest[0].upper()}{rest[1:]}."


def is_empty(syncs: "Sequence[LoggedSync]", ticks: Ticks | None) -> bool:
    """Return whether no sync began, and none that is known to be missing."""
    return not syncs and not (ticks and ticks.missing)


def _of_syncs(syncs: "Sequence[LoggedSync]", found: Sequence[Shortfall], *, has_more: bool) -> str:
    counted = f"{'the last ' if has_more else ''}{_plural(len(syncs), 'sync', 'syncs')}"
    if not syncs:
        return counted
    counted += f" of {_plural(len({(sync.tenant_id, sync.entity) for sync in syncs}), 'entity', 'entities')}"
    if found:
        return f"no {Status.SUCCESS} in {len(found):,} of {counted}"
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
            found.append(_shortfall(name, at, sync.entry, min(makes_good, default=None)))
        written[status, sync.window] = at
    return found


def _shortfall(name: str, at: datetime, entry: "SyncLogEntry", made_good_at: datetime | None) -> Shortfall:
    """Return what was not complete. Rejects that somebody has accepted are no cause: the message has open ones only."""
    said = _OPEN.match(entry.description)
    other = entry.description[said.end() :] if said else entry.description
    cause = _END_OF_SENTENCE.split(other, maxsplit=1)[0].strip()
    if len(cause) > _LONGEST_CAUSE:
        cause = f"{cause[:_LONGEST_CAUSE].rsplit(' ', 1)[0]} …"
    counts = (int(said[1]), entry.error_count) if said else (0, 0)
    return Shortfall(name, entry.status, at, made_good_at, *counts, entry.record_count, cause)


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


def _covers(window: Window | None, wanted: Window | None) -> bool:
    return wanted is None or (window is not None and wanted.from_date in window and wanted.to_date in window)


def _word(found: Sequence[Shortfall | MissingTick]) -> str:
    open_ones = [each for each in found if each.made_good_at is None]
    if not open_ones:
        return "Complete by now" if found else "Complete"
    return "NOT ended yet" if all(each.is_running for each in open_ones) else "NOT complete"


def _phrases(found: Sequence[Shortfall]) -> list[str]:
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
    return _at_most([f"{_what(groups)} at {times(_starts(groups))}{good})" for (_, good, *_), groups in in_order])


def _starts(groups: Iterable[Sequence[Shortfall]]) -> list[datetime]:
    return [each.at for group in groups for each in group]


def _what(groups: Sequence[Sequence[Shortfall]]) -> str:
    """Return what happened, to how many records, and to which entities. Each group is of one entity, oldest first."""
    last = [group[-1] for group in groups]
    names = f"{', '.join(each.name for each in last)} {last[0].status}"
    open_rejects, rejected, fetched = (
        sum(getattr(each, name) for each in last) for name in ("open_rejects", "rejected", "fetched")
    )
    if last[0].status is Status.IN_PROGRESS:
        return f"not ended ({names}"
    if last[0].status is Status.FAILED:
        return f"nothing written{f': {last[0].cause}' if last[0].cause else ''} ({names}"
    rejects = (
        f"{rejected:,} of {_plural(fetched, 'record', 'records')} rejected, the others written"
        if rejected
        else f"{_plural(open_rejects, 'reject', 'rejects')} of earlier syncs still open"
        if open_rejects
        else ""
    )
    return f"{', and '.join(filter(None, (rejects, last[0].cause))) or 'needs attention'} ({names}"


def _at_most(phrases: Sequence[str]) -> list[str]:
    more = len(phrases) - _MOST_PHRASES
    return [*phrases[:_MOST_PHRASES], *([f"and {more} more"] if more > 0 else [])]


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
