"""One entity's way from INN8 into its table, joining the rooms: fetch and land; then decode, transform, merge.

Here belongs the order of things, without Dagster: a day, a window, a client, an engine are handed in, results out.
"""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from inn8_pipeline.entities import Entity, Window

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.extract.client import Inn8Client
    from inn8_pipeline.transform.batch import Batch
    from inn8_pipeline.transform.transformer import Transformer
    from inn8_pipeline.warehouse.landing.store import Landing
    from inn8_pipeline.warehouse.merge.results import Counts, SchemaDrift, Status, SyncResult
    from inn8_pipeline.warehouse.merge.session import Merge, MergeOptions


CHUNKS_AHEAD = 1
"""Of rows, transformed while Postgres takes the one before."""

MAX_VALUES = 10
# A letter first and no long number, which could be somebody's; of one case: Sipho is somebody, GIFTED is not.
_CODE = re.compile(r"(?!.*\d{5})([a-z][a-z0-9_-]{0,31}|[A-Z][A-Z0-9_-]{0,31})")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a sync writes: a warehouse, as one tenant, in one run; `chunk_size` records at a time."""

    engine: "Engine"
    tenant_id: str
    run_id: str
    chunk_size: int = 5000


@dataclass
class DriftCollector:
    """What INN8 sends now that the transform does not know: values of choices, and properties."""

    unknown_values: dict[str, Counter[str]] = field(default_factory=dict)
    unknown_properties: set[str] = field(default_factory=set)

    def add(self, batch: "Batch") -> None:
        """Take note of a batch's."""
        for name, values in batch.unknown_values.items():
            self.unknown_values.setdefault(name, Counter()).update(values)
        self.unknown_properties |= batch.unknown_properties

    def told(self) -> "SchemaDrift":
        """As it may be told: at most ten values of each choice, and only such as look like codes.

        Whatever else stands there could be somebody's name. The names of properties were looked at by the transform.
        """
        from inn8_pipeline.warehouse.merge.results import SchemaDrift

        records = {name: values.total() for name, values in sorted(self.unknown_values.items()) if values.total()}
        values = {name: dict(_codes(self.unknown_values[name])[:MAX_VALUES]) for name in records}
        return SchemaDrift(records, values, tuple(sorted(self.unknown_properties)))


def _codes(values: Counter[str]) -> list[tuple[str, int]]:
    return [(value, count) for value, count in values.most_common() if _CODE.fullmatch(value)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All merges of one step: several where days are rebuilt from several landings."""

    landings: "Sequence[Landing]"
    results: "Sequence[SyncResult]"

    @property
    def status(self) -> "Status":
        """`NoData` if INN8 sent none in any landing, `PartialSuccess` if one merge was partial, else `Success`."""
        from inn8_pipeline.warehouse.merge.results import Status

        found = {result.status for result in self.results}
        if found == {Status.NO_DATA}:
            return Status.NO_DATA
        return Status.PARTIAL_SUCCESS if Status.PARTIAL_SUCCESS in found else Status.SUCCESS

    @property
    def counts(self) -> "Counts":
        """Added up."""
        from inn8_pipeline.warehouse.merge.results import Counts

        total = Counts()
        for result in self.results:
            total = total.plus(**result.counts.as_dict())
        return total

    @property
    def by_day(self) -> "dict[date, Counts]":
        """Of each day of trade."""
        from inn8_pipeline.warehouse.merge.results import Counts

        days: dict[date, Counts] = {}
        for result in self.results:
            for day, counts in result.by_day.items():
                days[day] = days.get(day, Counts()).plus(**counts.as_dict())
        return days

    @property
    def started_at(self) -> datetime:
        """When the first of the fetches began."""
        return min(landing.started_at for landing in self.landings)

    @property
    def drift_found(self) -> "SchemaDrift":
        """Of all landings, those too that were merged before and are told again."""
        from inn8_pipeline.warehouse.merge.results import SchemaDrift

        total = SchemaDrift()
        for result in self.results:
            total = total.plus(result.drift_found)
        return total

    def total(self, name: str) -> int:
        """The sum of one number over the merges: missing, removed, held_back."""
        return sum(getattr(result, name) for result in self.results)


def land(client: "Inn8Client", to: Destination, entity: Entity, window: Window | None) -> "Landing":
    """Fetch a collection and keep its pages as they come; the landing, complete.

    A fetch whose pages are not of one piece is fetched again, and what it wrote is never read.
    """
    from inn8_pipeline.warehouse.landing.store import LandingWriter

    for fetch in client.fetches(entity, window):
        writer = LandingWriter(to.engine, to.tenant_id, entity, window, to.run_id)
        for page in fetch:
            writer.add(page.body, page.records)
        if fetch.is_complete:
            return writer.complete(retries=fetch.retries, has_duplicates=fetch.has_duplicates)
    raise AssertionError  # `fetches` ends with a complete one or raises


def landings_of(
    to: Destination, entity: Entity, window: Window | None
) -> "list[tuple[Landing, frozenset[date] | None]]":
    """What a table is made from: the newest complete landing, or for days of trade the newest that covers each."""
    from inn8_pipeline.warehouse.landing.store import newest, newest_of_days

    if window is None:
        return [(newest(to.engine, to.tenant_id, entity), None)]
    return [*newest_of_days(to.engine, to.tenant_id, entity, window)]


def merge(
    to: Destination,
    sources: "Iterable[tuple[Landing, frozenset[date] | None]]",
    rules: "Callable[[Landing], MergeOptions]",
    on_wait: Callable[[], None],
) -> Outcome:
    """Merge each landing for its days, oldest first; each in a transaction of its own."""
    from inn8_pipeline.warehouse.merge.session import open_merge

    landings, results = [], []
    for landing, days in sources:
        findings = DriftCollector()
        with open_merge(to.engine, landing, days, rules(landing), on_wait) as merging:
            if merging.needs_rows:
                _stage(to, landing, merging, findings)
            results.append(merging.finish(findings.told()))
        landings.append(landing)
    return Outcome(landings, results)


def _stage(to: Destination, landing: "Landing", merging: "Merge", findings: DriftCollector) -> None:
    from inn8_pipeline.transform.transformer import Transformer
    from inn8_pipeline.warehouse.landing.store import bodies
    from inn8_pipeline.warehouse.prefetch import ahead

    transformer = Transformer(landing.entity, merging.takes)
    for chunk in ahead(_chunks(transformer, bodies(to.engine, landing), to.chunk_size), CHUNKS_AHEAD):
        findings.add(chunk)
        _hand_over(chunk, merging)
    _retry(transformer, merging)


def _chunks(transformer: "Transformer", bodies: "Iterable[bytes]", size: int) -> "Generator[Batch]":
    """The pages transformed, joined until they have at least `size` records: each COPY has its price."""
    from inn8_pipeline.transform.batch import join

    ordinal = first = 0
    pages: list[Batch] = []
    for body in bodies:
        pages.append(transformer.page(body, ordinal))
        ordinal += pages[-1].records
        if ordinal - first >= size:
            yield join(pages)
            first, pages = ordinal, []
    if pages:
        yield join(pages)


def _retry(transformer: "Transformer", merging: "Merge") -> None:
    for chunk in merging.retries():
        ordinals, payloads = zip(*chunk, strict=True)
        _hand_over(transformer.records(payloads, ordinals), merging)


def _hand_over(batch: "Batch", merging: "Merge") -> None:
    merging.stage(batch.rows, batch.rejects, batch.skipped, batch.dimensions)
