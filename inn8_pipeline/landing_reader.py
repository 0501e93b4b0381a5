"""Read the records of a landing for a merge: decode its pages, transform them and encode them for COPY.

The module needs pandas and pyarrow. `sync` imports it when it is first used, because most syncs find nothing changed
and read no record.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import islice

import pyarrow as pa
from sqlalchemy import Engine

from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.entities import Entity
from inn8_pipeline.tracing.stopwatch import Stopwatch
from inn8_pipeline.transform.batch import Batch, UnlistedValues, join
from inn8_pipeline.transform.columns import series
from inn8_pipeline.transform.json.reading import split
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline.transform.values import EMPTY_DATES
from inn8_pipeline.warehouse.csv_rows import RecordDigests, encode
from inn8_pipeline.warehouse.landing.chunks import digest_of
from inn8_pipeline.warehouse.landing.pages import LandedPage, pages_with, stored_pages
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.records.record_source import RecordBatch
from inn8_pipeline.warehouse.merge.results import SchemaDrift
from inn8_pipeline.warehouse.queries.owning_clients import count_clients
from inn8_pipeline.warehouse.read_ahead import prefetch

# Arrow's own allocator keeps what was freed: a first load of half a million records took 25 to 55 MB more.
pa.set_memory_pool(pa.system_memory_pool())

BATCHES_AHEAD = 1
"""Batches that are transformed and encoded while Postgres copies the previous one."""

MIN_CLIENTS = 10
"""An unlisted value is shown only if it occurs in records of at least this many different clients.

A value that looks like a code can be a surname or a diagnosis. If ten clients share it, it identifies none of them.
"""

JOINED_BYTES = 512 * 1024
"""Smaller pages are joined up to this size before they are transformed. The transform of a page costs 8 ms and 60 kB
even if the page has only one record: 10,000 pages of one record took 89 s and 622 MB.
"""

MAX_VALUES = 10
"""How many unlisted values of a property are shown: the most frequent ones."""

# One word without a long number: two words could be the name of an adviser, which many clients share.
_WORD = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_-]{0,31}")
_EMPTY_DATES = frozenset(day.isoformat() for day in EMPTY_DATES)


class LandingReader:
    """Read the records of one landing for one merge (a `RecordSource`).

    Args:
        engine: The warehouse.
        landing: A complete landing.
        batch_size: The smallest number of records in a batch (the last one may have fewer): each COPY has a fixed cost.
        contract: How INN8 names properties and values.
        on_read: Called after each batch with the number of records so far, and with that of all.

    Attributes:
        work: How long records were transformed and encoded, without reading them.

    """

    def __init__(
        self,
        engine: Engine,
        landing: Landing,
        batch_size: int,
        contract: Contract = DEFAULT,
        on_read: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self.work = Stopwatch()
        self._on_read = on_read
        self._read_records = 0
        self._engine = engine
        self._landing = landing
        self._batch_size = batch_size
        self._entity = contract.of(landing.entity).as_sent(landing.entity)
        self._transformer = Transformer(self._entity)
        self._drift = self._new_drift()
        self._chosen: Sequence[int] | None = None

    def choose(self, ordinals: Sequence[int]) -> None:
        """Let `batches` yield only the records with these ordinals, which are ascending."""
        self._chosen = ordinals

    def batches(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield the landing's records in order, or those chosen, without those of days that are not wanted."""
        self._transformer = Transformer(self._entity, is_wanted)
        total = self._landing.records if self._chosen is None else len(self._chosen)
        for batch in prefetch(self._read(self._transformer, self._drift, self._chosen), BATCHES_AHEAD):
            yield batch
            self._on_read(self._read_records, total)

    def skipped(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield the records of days that are not wanted."""
        transformer = Transformer(self._entity, lambda day: not is_wanted(day))
        yield from self._read(transformer, self._new_drift())

    def again(self, payloads: Sequence[bytes], ordinals: Sequence[int]) -> RecordBatch:
        """Return the records of earlier rejects, transformed again."""
        digests = RecordDigests()
        digests.add(ordinals, map(digest_of, payloads))
        return _encoded(self._transformer.records(payloads, ordinals), self._drift, digests)

    def drift_found(self) -> SchemaDrift:
        """Return the drift of all records read so far."""
        return self._drift.found()

    def _new_drift(self) -> "DriftCollector":
        return DriftCollector(self._landing.entity, partial(count_clients, self._engine, self._landing.tenant_id))

    def _read(
        self, transformer: Transformer, drift: "DriftCollector", chosen: Sequence[int] | None = None
    ) -> Generator[RecordBatch, None, None]:
        first = count = 0
        pages: list[Batch] = []
        digests = RecordDigests()
        for page, ordinals in self._all() if chosen is None else self._some(chosen):
            with self.work:
                pages.append(transformer.page(page.body, first, ordinals))
                digests.add(ordinals or range(first, first + pages[-1].records), _digests(page))
            first += pages[-1].records
            count += pages[-1].records
            self._read_records = first
            if count >= self._batch_size:
                with self.work:
                    batch = _encoded(join(pages), drift, digests)
                yield batch
                count, pages, digests = 0, [], RecordDigests()
        if pages:
            with self.work:
                batch = _encoded(join(pages), drift, digests)
            yield batch

    def _all(self) -> Iterator[tuple[LandedPage, None]]:
        """Yield the pages, small ones joined."""
        for page in join_small_pages(stored_pages(self._engine, self._landing)):
            yield page, None

    def _some(self, chosen: Sequence[int]) -> Iterator[tuple[LandedPage, Sequence[int]]]:
        """Yield the chosen records, as many pages as they fill, with their ordinals."""
        records: list[bytes] = []
        ordinals: list[int] = []
        size = 0
        for first, page in pages_with(self._engine, self._landing, chosen):
            sent = split(page.body)
            wanted = chosen[bisect_left(chosen, first) : bisect_left(chosen, first + len(sent))]
            found = [bytes(sent[ordinal - first]) for ordinal in wanted]
            records += found
            ordinals += wanted
            size += sum(map(len, found))
            if size > JOINED_BYTES:
                yield LandedPage(_array(records)), ordinals
                records, ordinals, size = [], [], 0
        if records:
            yield LandedPage(_array(records)), ordinals


def _digests(page: LandedPage) -> bytes | Iterable[bytes]:
    """Return the digests of the page's records, as stored or over their bytes; none if the page cannot be split."""
    if page.record_digests is not None:
        return page.record_digests
    try:
        return map(digest_of, split(page.body))
    except ValueError:
        return ()


def _array(records: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(records)


def _encoded(batch: Batch, drift: "DriftCollector", digests: RecordDigests) -> RecordBatch:
    """Encode a batch, with the digests of its records.

    A record with an unlisted value gets none: it is then read by every sync, and so its value is reported by every one.
    """
    drift.add(batch)
    column = digests.column(batch.rows["ordinal"].to_numpy(), batch.unlisted)
    return RecordBatch(
        rows=encode(batch.rows.assign(record_digest=series(column))),
        rejects=batch.rejects,
        skipped=batch.skipped,
        dimensions={name: encode(rows) for name, rows in batch.dimensions.items()},
    )


def join_small_pages(pages: Iterable[LandedPage]) -> Iterator[LandedPage]:
    """Yield the pages, with consecutive small ones joined into one array; leave large ones as they are."""
    small: list[LandedPage] = []
    size = 0
    for page in pages:
        if small and size + len(page.body) > JOINED_BYTES:
            yield _joined(small)
            small, size = [], 0
        if len(page.body) > JOINED_BYTES:
            yield page
        else:
            small.append(page)
            size += len(page.body)
    if small:
        yield _joined(small)


def _joined(pages: Sequence[LandedPage]) -> LandedPage:
    if len(pages) == 1:
        return pages[0]
    records = [page.body.strip()[1:-1].strip() for page in pages]
    digests = [page.record_digests for page in pages if page.record_digests is not None]
    return LandedPage(
        _array([each for each in records if each]), b"".join(digests) if len(digests) == len(pages) else None
    )


class DriftCollector:
    """Collect what INN8 sends and the declaration does not list: values of choices, empty dates and properties.

    Args:
        entity: The entity of the batches.
        count_clients: A function that returns how many clients the records of an entity with these ids belong to.

    """

    def __init__(self, entity: Entity, count_clients: Callable[[Entity, Collection[str]], int]) -> None:
        self._entity = entity
        self._count_clients = count_clients
        self._values: dict[str, UnlistedValues] = {}
        self._properties: set[str] = set()

    def add(self, batch: Batch) -> None:
        """Add the drift of a batch."""
        for name, values in batch.unknown_values.items():
            self._values.setdefault(name, UnlistedValues()).update(values)
        self._properties |= batch.unknown_properties

    def found(self) -> SchemaDrift:
        """Return the drift as it may be shown in Dagster: counts, and only those values that identify nobody.

        The transform has checked the names of the properties.
        """
        found = {name: values for name, values in sorted(self._values.items()) if values.records}
        return SchemaDrift(
            records={name: values.records for name, values in found.items()},
            values={name: dict(islice(self._shown(values), MAX_VALUES)) for name, values in found.items()},
            properties=tuple(sorted(self._properties)),
            distinct_values={name: len(values.counts) for name, values in found.items()},
        )

    def _shown(self, values: UnlistedValues) -> Iterator[tuple[str, int]]:
        for value, count in values.counts.most_common():
            if value in _EMPTY_DATES or (_WORD.fullmatch(value) and self._has_many_clients(values.subjects[value])):
                yield value, count

    def _has_many_clients(self, subjects: Collection[str]) -> bool:
        if len(subjects) < MIN_CLIENTS or not self._entity.references:
            return len(subjects) >= MIN_CLIENTS
        return self._count_clients(self._entity.references[0].parent, subjects) >= MIN_CLIENTS
