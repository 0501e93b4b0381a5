"""Sync one entity: fetch and land its records, then read the landing, transform and merge it.

This is the service layer: it knows the order of the steps, but neither Dagster nor settings. `defs` imports it when it
is first used (see `lazy_imports`). pandas and pyarrow are imported only if there is something to merge.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from inn8_pipeline import sync_spans
from inn8_pipeline.allocator import limit_arenas
from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.errors import DatabaseError, Inn8Error
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.tracing.span import NO_SPAN, Span
from inn8_pipeline.tracing.stopwatch import Stopwatch
from inn8_pipeline.warehouse.landing import last_fetches
from inn8_pipeline.warehouse.landing.retention import discard
from inn8_pipeline.warehouse.landing.store import Landing, newest, newest_of_days
from inn8_pipeline.warehouse.landing.validators import PageValidators
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.records.record_source import RecordSource
from inn8_pipeline.warehouse.merge.results import (
    NO_COUNTS,
    NO_DRIFT,
    Counts,
    SchemaDrift,
    Status,
    SyncResult,
    UnconfirmedRows,
)
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline.warehouse.sync_log.entry import TOTALS, worst

if TYPE_CHECKING:
    from inn8_pipeline import landing_reader
else:
    landing_reader = lazy_module("inn8_pipeline.landing_reader")


limit_arenas()

MARGIN_DAYS = 1
"""Days that are requested at each end of a window in addition to those that are merged.

INN8 does not say whether its `toDate` is inclusive. If it were not, the rows of the last day would not be sent and
would seem to be absent. Records of the additional days are skipped.
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """The warehouse, tenant and run that a sync writes for, and the span that traces it.

    `chunk_size` is the least number of records in a COPY.
    """

    engine: Engine
    tenant_id: str
    run_id: str
    chunk_size: int = 5000
    span: Span = NO_SPAN


@dataclass(frozen=True, slots=True)
class Outcome:
    """The merges of one step: several if days are rebuilt from several landings."""

    landings: Sequence[Landing]
    results: Sequence[SyncResult]

    @property
    def status(self) -> Status:
        """The worst status of the merges; `NoData` only if no merge had any data."""
        return worst(result.status for result in self.results)

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
        """The start of the first fetch."""
        return min(landing.started_at for landing in self.landings)

    @property
    def drift_found(self) -> SchemaDrift:
        """The drift of all landings, including those that repeat an earlier one."""
        total = NO_DRIFT
        for result in self.results:
            total = total.plus(result.drift_found)
        return total

    @property
    def changed_columns(self) -> dict[str, dict[str, int]]:
        """The number of rows in which each column has changed, by table and column."""
        tables: dict[str, Counter[str]] = {}
        for result in self.results:
            for table, columns in result.changed_columns.items():
                tables.setdefault(table, Counter()).update(columns)
        return {table: dict(columns) for table, columns in tables.items()}

    @property
    def unconfirmed(self) -> Sequence[UnconfirmedRows]:
        """The rows that no fetch confirms, as the last merge left them."""
        return self.results[-1].unconfirmed if self.results else ()

    def total(self, name: str) -> int:
        """Return the sum of one number over the merges: missing, removed, held_back, repaired."""
        return sum(getattr(result, name) for result in self.results)

    @property
    def totals(self) -> dict[str, int]:
        """The numbers of rows named in `TOTALS`; `repaired` only if there are any."""
        found = {name: self.total(name) for name in TOTALS}
        return {name: rows for name, rows in found.items() if rows or name != "repaired"}


OnProgress = Callable[[int, int | None], None]
"""Is called with the number of records so far, and with their expected number if it is known."""


def _ignore(_done: int, _total: int | None) -> None:
    """Do nothing."""


def land(  # noqa: PLR0913 (what, from where, to where, and how)
    client: Inn8Client,
    to: Destination,
    entity: Entity,
    window: Window | None,
    *,
    may_ask_conditionally: bool = False,
    is_kept: bool = True,
    on_page: OnProgress = _ignore,
) -> Landing:
    """Fetch a collection and store its pages as they arrive; return the complete landing.

    A fetch whose pages are not consistent is repeated; the pages that it stored are never read. With
    `may_ask_conditionally`, pages that have not changed are not sent again, if the contract says that INN8 can do so.
    If every response is the same as in the last fetch, its landing is repeated. `is_kept` is False if the landing will
    be discarded, so that no later fetch can repeat it.
    """
    if not (may_ask_conditionally and client.asks_conditionally(entity)):
        return _land(client, to, entity, window, on_page, is_kept=is_kept)
    with PageValidators(to.engine, to.tenant_id, entity) as known:
        return _land(client, to, entity, window, on_page, known, is_kept=is_kept)


def _land(  # noqa: PLR0913, PLR0917 (those of `land`)
    client: Inn8Client,
    to: Destination,
    entity: Entity,
    window: Window | None,
    on_page: OnProgress,
    known_pages: PageValidators | None = None,
    *,
    is_kept: bool,
) -> Landing:
    for fetch in client.fetches(entity, window and window.widened(MARGIN_DAYS), known_pages):
        # A page that is asked for conditionally is stored as it is, because a 304 stands for its bytes.
        in_chunks = not client.asks_conditionally(entity)
        stored = Stopwatch()
        with (
            to.span.child("landing") as landing_span,
            LandingWriter(
                to.engine, to.tenant_id, entity, window, to.run_id, in_chunks=in_chunks, while_writing=stored
            ) as writer,
        ):
            last = last_fetches.load(to.engine, to.tenant_id, entity) if in_chunks and fetch.number == 1 else None
            if in_chunks:
                fetch.seen_before = last.responses if last else {}
            fetch.on_progress = on_page
            with to.span.child("fetch") as fetch_span:
                fetch.on_page_timing = sync_spans.page_spans(fetch_span)
                for page in fetch:
                    writer.add(page.body, page.records)
                sync_spans.describe_fetch(fetch_span, fetch)
            if last and fetch.is_repeat:
                writer.repeat(last.landing)
            if fetch.is_complete:
                landing = writer.complete(
                    retries=fetch.retries,
                    has_duplicates=fetch.has_duplicates,
                    unproven_end=fetch.unproven_end,
                    waited_seconds=client.waited_seconds,
                    unchanged_pages=fetch.unchanged_pages,
                    on_complete=partial(_keep_for_the_next, to, fetch, known_pages) if is_kept else _forget_it,
                )
                sync_spans.describe_landing(landing_span, landing, stored)
                return landing
    raise AssertionError  # `fetches` ends with a complete one or raises


def _keep_for_the_next(to: Destination, fetch: Fetch, known_pages: PageValidators | None, landing: Landing) -> None:
    """Store what the next fetch needs of this one."""
    if known_pages:
        known_pages.replace(fetch.validated)
    elif fetch.is_repeat:
        last_fetches.repeat(to.engine, landing)
    else:
        last_fetches.store(to.engine, landing, fetch.seen)


def _forget_it(_landing: Landing) -> None:
    """Store nothing."""


def landings_of(to: Destination, entity: Entity, window: Window | None) -> list[tuple[Landing, frozenset[date] | None]]:
    """Return the landings to rebuild a table from: the newest complete one, or the newest one of each day."""
    if window is None:
        return [(newest(to.engine, to.tenant_id, entity), None)]
    return [*newest_of_days(to.engine, to.tenant_id, entity, window)]


def merge(  # noqa: PLR0913 (landings, where they go, and how)
    to: Destination,
    sources: Sequence[tuple[Landing, frozenset[date] | None]],
    options: Callable[[Landing], MergeOptions],
    on_wait: Callable[[], None],
    *,
    contract: Contract = DEFAULT,
    on_merged: Callable[[Connection, Outcome], None] = lambda _connection, _outcome: None,
    on_each: Callable[[Connection, Landing], None] = lambda _connection, _landing: None,
    on_read: OnProgress = _ignore,
) -> Outcome:
    """Merge each landing for its days, in the order given, each in a transaction of its own.

    If one merge fails, the earlier ones stay committed, and a note on the error names their days.

    Args:
        to: Where to write.
        sources: The landings, with the days that each is merged for.
        options: Returns the options of a landing's merge.
        on_wait: Called when a merge waits for another sync.
        contract: How INN8 names and spells what it sends.
        on_merged: Called at the end of the last merge's transaction, with its connection and the outcome of all merges.
            What it writes is committed with the merge, or not at all.
        on_each: Called at the end of each merge's transaction, with its connection and the landing.
        on_read: Called after each batch, with the records read so far and those of the landing.

    """
    landings: list[Landing] = []
    results: list[SyncResult] = []

    def add(connection: Connection, result: SyncResult) -> None:
        results.append(result)
        on_each(connection, landings[-1])
        if len(results) == len(sources):
            on_merged(connection, Outcome(landings, results))

    committed: set[date] = set()
    for landing, days in sources:
        landings.append(landing)
        how = options(landing)
        try:
            with to.span.child("merge") as span, _reader(to, landing, contract, on_read, span) as source:
                result = merge_landing(to.engine, landing, days, how, source, on_wait=on_wait, on_merged=add)
                sync_spans.describe_merge(span, landing, result)
        except Inn8Error as error:
            if committed and not how.is_dry_run:
                error.add_note(_partly_written(committed))
            raise
        committed.update(days or ())
    return Outcome(landings, results)


def _partly_written(days: Collection[date]) -> str:
    return (
        f"The {len(days)} days that were merged before it, from {min(days)} to {max(days)}, are written and stay; the "
        "message is about the others."
    )


@contextmanager
def discarding(to: Destination, entity: Entity) -> Iterator[None]:
    """Discard the landings of this run at the end; those of other runs stay.

    If the database fails, the landings stay too, because the step is tried again and must find the same ones.
    """
    with ExitStack() as at_the_end:
        at_the_end.callback(discard, to.engine, to.tenant_id, entity, to.run_id)
        try:
            yield
        except DatabaseError:
            at_the_end.pop_all()
            raise


@contextmanager
def _reader(
    to: Destination, landing: Landing, contract: Contract, on_read: OnProgress, span: Span
) -> Iterator[Callable[[], RecordSource]]:
    """Return the function that opens the landing's records; trace at the end how long they were transformed."""
    opened: list[landing_reader.LandingReader] = []

    def open_source() -> RecordSource:
        opened.append(landing_reader.LandingReader(to.engine, landing, to.chunk_size, contract, on_read))
        return opened[-1]

    try:
        yield open_source
    finally:
        for each in opened:
            sync_spans.add_transform(span, each.work)
