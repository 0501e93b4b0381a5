"""Say in one or two sentences whether the syncs of a part of the sync log were complete."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support.missing_ticks import MissingTick, MissReason, Ticks
from inn8_pipeline.cli.support.shortfalls import Shortfall, at_most, phrases, plural, shortfalls, times
from inn8_pipeline.warehouse.merge.results import Status

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync

NOTHING_BEGAN = "NOT complete: no sync began in this period."


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
    has all its days. Of what was not complete, the first sentence says what happened, and how many rejects are open.
    Times are in the zone of the terminal. The text is empty if there is nothing to say it of.

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
    return f"{word}: {'; '.join(phrases(found))}. {rest[0].upper()}{rest[1:]}."


def is_empty(syncs: "Sequence[LoggedSync]", ticks: Ticks | None) -> bool:
    """Return whether no sync began, and none that is known to be missing."""
    return not syncs and not (ticks and ticks.missing)


def _of_syncs(syncs: "Sequence[LoggedSync]", found: Sequence[Shortfall], *, has_more: bool) -> str:
    counted = f"{'the last ' if has_more else ''}{plural(len(syncs), 'sync', 'syncs')}"
    if not syncs:
        return counted
    counted += f" of {plural(len({(sync.tenant_id, sync.entity) for sync in syncs}), 'entity', 'entities')}"
    if found:
        return f"no {Status.SUCCESS} in {len(found):,} of {counted}"
    empty = sum(sync.entry.status is Status.NO_DATA for sync in syncs)
    return f"{counted}, each a {Status.SUCCESS}" + (f" or {Status.NO_DATA} ({empty:,})" if empty else "")


def _of_ticks(ticks: Ticks) -> str:
    """Return how many ticks have no sync, and a phrase for each time and reason, with all entities that share it."""
    if not ticks.missing:
        return f"{plural(ticks.expected, 'tick', 'ticks')}, none without its sync"
    has_several = len({each.key[0] for each in ticks.missing}) > 1
    alike: dict[tuple[bool, str], list[str]] = {}
    for key, of_key in groupby(ticks.missing, key=lambda each: each.key):
        name = "/".join(key) if has_several else key[1]
        for (reason, good_at), group in groupby(of_key, key=lambda each: (each.reason, each.made_good_at)):
            good = f", made good at {times([good_at])}" if good_at else ""
            why = "" if reason is MissReason.UNKNOWN else f" ({reason})"
            text = f"at {times(each.at for each in group)}{good}{why}"
            alike.setdefault((good_at is not None, text), []).append(name)
    listed = [f"{', '.join(names)} {text}" for (_, text), names in sorted(alike.items(), key=lambda each: each[0][0])]
    shown = "; ".join(at_most(listed))
    why = f" ({MissReason.UNKNOWN})" if ticks.are_unknown else ""
    return f"no sync for {len(ticks.missing):,} of {plural(ticks.expected, 'tick', 'ticks')}{why}: {shown}"


def _word(found: Sequence[Shortfall | MissingTick]) -> str:
    open_ones = [each for each in found if each.made_good_at is None]
    if not open_ones:
        return "Complete by now" if found else "Complete"
    return "NOT ended yet" if all(each.is_running for each in open_ones) else "NOT complete"
