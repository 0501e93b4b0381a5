"""One entity from INN8 into its table: fetch and land, then read the landing, transform and merge it.

This is the service layer: it knows the order of the steps, and neither Dagster nor settings. `defs` defers it (see
`deferred`), so it imports what it needs at the top; only pandas and pyarrow wait until there is something to merge.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.deferred import deferred
from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.warehouse.landing.store import Landing, LandingWriter, newest, newest_of_days
from inn8_pipeline.warehouse.merge.record_source import RecordSource
from inn8_pipeline.warehouse.merge.results import (
    NO_COUNTS,
    NO_DRIFT,
    Counts,
    SchemaDrift,
    Status,
    SyncResult,
    UnconfirmedRows,
)
from inn8_pipeline.warehouse.merge.session import MergeOptions, merge_landing

if TYPE_CHECKING:
    from inn8_pipeline import landing_reader
else:
    landing_reader = deferred("inn8_pipeline.landing_reader")


MARGIN_DAYS = 1
"""Days that are asked for at each end of a window beside those that are merged.

INN8 does not say whether its `toDate` is inclusive. If it were not, the rows of a window's last day would never come,
and seem to be absent. What is sent for the days beyond the window is skipped.
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a sync writes: a warehouse, as one tenant, in one run; `chunk_size` records at a time."""

    engine: Engine
    tenant_id: str
    run_id: str
    chunk_size: int = 5000


@dataclass(frozen=True, slots=True)
class Outcome:
    """All merges of one step: several if days are rebuilt from several landings."""

    landings: Sequence[Landing]
    results: Sequence[SyncResult]

    @property
    def status(self) -> Status:
        """`NoData` if INN8 sent none in any landing, `PartialSuccess` if one merge was partial, else `Success`."""
        found = {result.status for result in self.results}
        if found == {Status.NO_DATA}:
            return Status.NO_DATA
        return Status.PARTIAL_SUCCESS if Status.PARTIAL_SUCCESS in found else Status.SUCCESS

    @property
    def counts(self) -> Counts:
        """The sum of all merges' counts."""
        total = NO_COUNTS
        for result in self.results:
            total = total.plus(**result.counts.as_dict())
        return total

    @property
    def by_day(self) -> dict[date, Counts]:
        """The sum of all merges' counts for each day of trade."""
        days: dict[date, Counts] = {}
        for result in self.results:
            for day, counts in result.by_day.items():
                days[day] = days.get(day, NO_COUNTS).plus(**counts.as_dict())
        return days

    @property
    def started_at(self) -> datetime:
        """When the first of the fetches began."""
        return min(landing.started_at for landing in self.landings)

    @property
    def drift_found(self) -> SchemaDrift:
        """The drift of all landings, also of those that repeat an earlier one."""
        total = NO_DRIFT
        for result in self.results:
            total = total.plus(result.drift_found)
        return total

    @property
    def unconfirmed(self) -> Sequence[UnconfirmedRows]:
        """The rows that no fetch confirms, as the last merge left them."""
        return self.results[-1].unconfirmed if self.results else ()

    def total(self, name: str) -> int:
        """Return the sum of one number over the merges: missing, removed, held_back."""
        return sum(getattr(result, name) for result in self.results)


def land(client: Inn8Client, to: Destination, entity: Entity, window: Window | None) -> Landing:
    """Fetch a collection and store its pages as they come; return the complete landing.

    A fetch whose pages are not consistent is repeated; what it wrote is never read.
    """
    for fetch in client.fetches(entity, window and window.widened(MARGIN_DAYS)):
        with LandingWriter(to.engine, to.tenant_id, entity, window, to.run_id) as writer:
            for page in fetch:
                writer.add(page.body, page.records)
            if fetch.is_complete:
                return writer.complete(retries=fetch.retries, has_duplicates=fetch.has_duplicates)
    raise AssertionError  # `fetches` ends with a complete one or raises


def landings_of(to: Destination, entity: Entity, window: Window | None) -> list[tuple[Landing, frozenset[date] | None]]:
    """Return what a table is made from: the newest complete landing, or for days the newest one that covers each."""
    if window is None:
        return [(newest(to.engine, to.tenant_id, entity), None)]
    return [*newest_of_days(to.engine, to.tenant_id, entity, window)]


def merge(
    to: Destination,
    sources: Iterable[tuple[Landing, frozenset[date] | None]],
    options: Callable[[Landing], MergeOptions],
    on_wait: Callable[[], None],
    contract: Contract = DEFAULT,
) -> Outcome:
    """Merge each landing for its days, oldest first; each in a transaction of its own."""
    landings, results = [], []
    for landing, days in sources:
        results.append(
            merge_landing(to.engine, landing, days, options(landing), _reader(to, landing, contract), on_wait=on_wait)
        )
        landings.append(landing)
    return Outcome(landings, results)


def _reader(to: Destination, landing: Landing, contract: Contract) -> Callable[[], RecordSource]:
    return lambda: landing_reader.LandingReader(to.engine, landing, to.chunk_size, contract)
