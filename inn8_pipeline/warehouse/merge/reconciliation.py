"""The counting of a merge: what the database did, held against what was fetched. Nothing here changes a row."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from inn8_pipeline.warehouse.merge import rejects
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.merge.staging import MergeContext

NOTHING = Counts()


@dataclass(frozen=True, slots=True)
class ReconciledCounts:
    """All counts of one merge. `repeatable` is what a sync that repeats the landing will tell again."""

    whole: Counts
    by_day: dict[date, Counts]
    reasons: dict[str, int]
    has_unreadable: bool
    repeatable: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MergeObservations:
    """What the steps of a merge saw, by day of trade: rows written, by action; rows unchanged; late rejects dropped.

    `skipped` are records that were never staged, `retried` the open rejects taken up again.
    """

    written: Counter[tuple[str, date | None]]
    unchanged: Counter[date | None]
    dropped: dict[date | None, int]
    skipped: int
    retried: int


def count(scope: MergeContext, observed: MergeObservations) -> ReconciledCounts:
    """Add up the exits. `fetched` is the landing's own count, so that it and the exits are told by two witnesses."""
    exits: Counter[tuple[str, date | None, bool]] = Counter()
    for (action, day), number in observed.written.items():
        exits[action, day, False] += number
    for day, number in observed.unchanged.items():
        exits["unchanged", day, False] += number
    for day, number in observed.dropped.items():
        exits["skipped", day, False] += number
    for why, day, is_retried, number in scope.run(_EXITS):
        exits[why, day, is_retried] += number
    exits["skipped", None, False] += observed.skipped
    whole = Counts(fetched=scope.landing.records, retried=observed.retried).plus(**_sum(exits))
    reasons = refused_by_reason(scope)
    sent = {key: number for key, number in exits.items() if not key[2]}
    return ReconciledCounts(
        whole=whole,
        by_day=_by_day(exits),
        reasons=reasons,
        has_unreadable=bool(scope.count(_UNREADABLE, has_days=scope.plan.has_days)),
        repeatable=_repeatable(sent, scope.landing.records, observed.retried, reasons),
    )


# What was set aside as rejected is counted among the staged rejects.
_EXITS = """
  select why, trade_date, ordinal < 0, count(*) from set_aside where why <> 'rejected' group by 1, 2, 3
  union all
  select 'rejected', trade_date, ordinal < 0, count(*) from staged_rejects group by 1, 2, 3
"""
_UNREADABLE = """
  select count(*) from staged_rejects
   where ordinal >= 0 and (external_id is null or (%(has_days)s and trade_date is null))
"""


def _sum(exits: Counter[tuple[str, date | None, bool]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for (why, _, _), number in exits.items():
        totals[why] += number
    return dict(totals)


def _by_day(exits: Counter[tuple[str, date | None, bool]]) -> dict[date, Counts]:
    days: dict[date, Counts] = defaultdict(Counts)
    for (why, day, is_retried), number in exits.items():
        if day is not None:
            came = "retried" if is_retried else "fetched"
            days[day] = days[day].plus(**{why: number}).plus(**{came: number})
    return dict(days)


def _repeatable(
    sent: dict[tuple[str, date | None, bool], int], records: int, retried: int, reasons: dict[str, int]
) -> dict[str, Any]:
    """What was sent, had it been sent again: every row written is unchanged then.

    Rows that were merged from a retry cannot be told from others by day: after a merge with retries no day is told.
    """
    again: Counter[tuple[str, date | None]] = Counter()
    for (why, day, _), number in sent.items():
        again["unchanged" if why in ("inserted", "updated") else why, day] += number
    whole: Counter[str] = Counter()
    for (why, _), number in again.items():
        whole[why] += number
    whole["unchanged"] = records - whole["duplicate"] - whole["rejected"] - whole["skipped"]
    days: dict[str, dict[str, int]] = defaultdict(dict)
    for (why, day), number in again.items():
        if day is not None and not retried:
            days[day.isoformat()][why] = number
    return {"whole": dict(whole), "days": days, "reasons": reasons}


def told_again(counts: dict[str, Any]) -> tuple[Counts, dict[date, Counts], dict[str, int]]:
    """The counts that `Ledger.repeatable` kept: of the whole, by day, and the reasons."""
    by_day = {date.fromisoformat(day): _conserved(of_day) for day, of_day in counts["days"].items()}
    return _conserved(counts["whole"]), by_day, counts["reasons"]


# Landings that were merged by release 0.1 count `outside` what is `skipped` now.
_FORMER_NAMES = {"outside": "skipped"}


def _conserved(exits: dict[str, int]) -> Counts:
    return Counts(fetched=sum(exits.values())).plus(
        **{_FORMER_NAMES.get(name, name): count for name, count in exits.items()}
    )


def refused_by_reason(scope: MergeContext, *, is_sent: bool = False) -> dict[str, int]:
    """The staged rejects by their code; with `is_sent` only those that the landing brought."""
    counted = scope.run(
        "select reason_code, count(*) from staged_rejects where ordinal >= 0 or not %(is_sent)s group by 1",
        is_sent=is_sent,
    )
    return dict(counted.fetchall())


def status(scope: MergeContext, held_back: int) -> Status:
    """`PartialSuccess` while a reject is open that nobody accepted, or where removals were held back."""
    return Status.PARTIAL_SUCCESS if held_back or rejects.count_open(scope) else Status.SUCCESS
