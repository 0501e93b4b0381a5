"""The records of a landing as a merge reads them: its pages decoded, transformed and encoded for COPY.

It needs pandas and pyarrow; `sync` defers it, because most syncs find nothing changed and read no record.
"""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import date

from sqlalchemy import Engine

from inn8_pipeline.transform.batch import Batch, join
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline.warehouse.csv_rows import encode
from inn8_pipeline.warehouse.landing.store import Landing, bodies
from inn8_pipeline.warehouse.merge.results import SchemaDrift
from inn8_pipeline.warehouse.merge.source import RecordBatch
from inn8_pipeline.warehouse.prefetch import prefetch

BATCHES_AHEAD = 1
"""Batches that are transformed and encoded while Postgres takes the one before."""

MAX_VALUES = 10
# A letter first and no long number, which could be somebody's; of one case: Sipho is somebody, GIFTED is not.
_CODE = re.compile(r"(?!.*\d{5})([a-z][a-z0-9_-]{0,31}|[A-Z][A-Z0-9_-]{0,31})")


class LandingReader:
    """Read the records of one landing for one merge (a `RecordSource`).

    Args:
        engine: The warehouse.
        landing: A complete landing.
        batch_size: How many records a batch has at least: each COPY has a fixed cost.

    """

    def __init__(self, engine: Engine, landing: Landing, batch_size: int) -> None:
        self._engine = engine
        self._landing = landing
        self._batch_size = batch_size
        self._transformer = Transformer(landing.entity)
        self._drift = DriftCollector()

    def batches(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield the landing's records in order; those of days that are not wanted are skipped."""
        self._transformer = Transformer(self._landing.entity, is_wanted)
        yield from prefetch(self._read(), BATCHES_AHEAD)

    def again(self, payloads: Sequence[bytes], ordinals: Sequence[int]) -> RecordBatch:
        """Return the records of earlier rejects, transformed again."""
        return self._encoded(self._transformer.records(payloads, ordinals))

    def drift_found(self) -> SchemaDrift:
        """Return the drift of all records that were read so far."""
        return self._drift.found()

    def _read(self) -> Generator[RecordBatch, None, None]:
        ordinal = first = 0
        pages: list[Batch] = []
        for body in bodies(self._engine, self._landing):
            pages.append(self._transformer.page(body, ordinal))
            ordinal += pages[-1].records
            if ordinal - first >= self._batch_size:
                yield self._encoded(join(pages))
                first, pages = ordinal, []
        if pages:
            yield self._encoded(join(pages))

    def _encoded(self, batch: Batch) -> RecordBatch:
        self._drift.add(batch)
        return RecordBatch(
            rows=encode(batch.rows),
            rejects=batch.rejects,
            skipped=batch.skipped,
            dimensions={name: encode(rows) for name, rows in batch.dimensions.items()},
        )


class DriftCollector:
    """Collect what INN8 sends and the transform does not know: values of enumerations, and properties."""

    def __init__(self) -> None:
        self._values: dict[str, Counter[str]] = {}
        self._properties: set[str] = set()

    def add(self, batch: Batch) -> None:
        """Add the drift of a batch."""
        for name, values in batch.unknown_values.items():
            self._values.setdefault(name, Counter()).update(values)
        self._properties |= batch.unknown_properties

    def found(self) -> SchemaDrift:
        """Return the drift as it may be shown: at most ten values of each enumeration, only such as look like codes.

        Any other value could be a person's name. The names of properties were checked by the transform.
        """
        records = {name: values.total() for name, values in sorted(self._values.items()) if values.total()}
        values = {name: dict(_codes(self._values[name])[:MAX_VALUES]) for name in records}
        return SchemaDrift(records, values, tuple(sorted(self._properties)))


def _codes(values: Counter[str]) -> list[tuple[str, int]]:
    return [(value, count) for value, count in values.most_common() if _CODE.fullmatch(value)]
