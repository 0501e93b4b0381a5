"""Reconciliation: the counts of a merge, read back from the database and compared with what was fetched.

    fetched + retried = inserted + updated + unchanged + duplicate + rejected + skipped

This module changes no row.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.results import Counts

Ends = Counter[tuple[str, date | None, bool]]
"""Numbers of records by three keys: the name of the count, the day of trade, and whether they were retried."""


@dataclass(frozen=True, slots=True)
class MergeObservations:
    """The numbers that the steps of a merge counted.

    Attributes:
        written: Rows written, by action and day of trade.
        unchanged: Rows that are the same as in the table, by day of trade.
        dropped: Rejects that were skipped because the table is newer, by day of trade.
        skipped: Records that were skipped before staging.
        retried: Open rejects that were retried.

    """

    written: Counter[tuple[str, date | None]]
    unchanged: Counter[date | None]
    dropped: Mapping[date | None, int]
    skipped: int
    retried: int


@dataclass(frozen=True, slots=True)
class ReconciledCounts:
    """All counts of one merge. They are sums of the numbers in `ends`."""

    whole: Counts
    by_day: dict[date, Counts]
    reasons: dict[str, int]
    ends: Ends

    def repeated(self) -> tuple[Counts, dict[date, Counts]]:
        """Return the counts of a later sync that fetches the same pages: every row written now is unchanged then.

        After a merge with retried rejects there are no counts by day, because rows of retried rejects cannot be
        counted separately by day.
        """
        sent: Counter[tuple[str, date | None]] = Counter()
        for (end, day, is_retried), number in self.ends.items():
            if not is_retried:
                sent["unchanged" if end in ("inserted", "updated") else end, day] += number
        totals: Counter[str] = Counter()
        for (end, _), number in sent.items():
            totals[end] += number
        fetched = self.whole.fetched
        totals["unchanged"] = fetched - totals["duplicate"] - totals["rejected"] - totals["skipped"]
        days = {} if self.whole.retried else _by_day(Counter({(*key, False): number for key, number in sent.items()}))
        return Counts(fetched=fetched).plus(**totals), days


# Rows excluded as rejected are counted with the staged rejects.
_COUNT_EXCLUDED = sql.SQL(
    """
    select counted_as, trade_date, ordinal < 0 as is_retried, count(*) as count
      from exclusions where counted_as <> 'rejected' group by 1, 2, 3
    union all
    select 'rejected', trade_date, ordinal < 0, count(*) from staged_rejects group by 1, 2, 3
    """
)


def count(context: MergeContext, observed: MergeObservations) -> ReconciledCounts:
    """Add up all counts. `fetched` is the count of the landing: the two sides of the equation are independent."""
    ends: Ends = Counter()
    for (action, day), number in observed.written.items():
        ends[action, day, False] += number
    for day, number in observed.unchanged.items():
        ends["unchanged", day, False] += number
    for day, number in observed.dropped.items():
        ends["skipped", day, False] += number
    for row in context.run(_COUNT_EXCLUDED):
        ends[row["counted_as"], row["trade_date"], row["is_retried"]] += row["count"]
    ends["skipped", None, False] += observed.skipped
    return ReconciledCounts(
        whole=Counts(fetched=context.landing.records, retried=observed.retried).plus(**_totals(ends)),
        by_day=_by_day(ends),
        reasons=rejected_by_reason(context),
        ends=ends,
    )


def _totals(ends: Ends) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for (end, _, _), number in ends.items():
        totals[end] += number
    return dict(totals)


def _by_day(ends: Ends) -> dict[date, Counts]:
    days: dict[date, Counts] = defaultdict(Counts)
    for (end, day, is_retried), number in ends.items():
        if day is not None:
            source = "retried" if is_retried else "fetched"
            days[day] = days[day].plus(**{end: number}).plus(**{source: number})
    return dict(days)


_REJECTED_BY_REASON = sql.SQL(
    """
    select reason_code, count(*) as count from staged_rejects where ordinal >= 0 or not %(is_sent)s group by 1
    """
)


def rejected_by_reason(context: MergeContext, *, is_sent: bool = False) -> dict[str, int]:
    """Return the number of staged rejects by reason code; with `is_sent` only of those that are in the landing."""
    counted = context.run(_REJECTED_BY_REASON, is_sent=is_sent)
    return {row["reason_code"]: row["count"] for row in counted}
