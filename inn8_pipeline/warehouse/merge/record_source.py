"""What a merge reads its records from, as the merge sees it: it knows neither JSON nor DataFrames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from inn8_pipeline.entities import Reject
from inn8_pipeline.warehouse.bulk_copy import EncodedRows
from inn8_pipeline.warehouse.merge.results import SchemaDrift


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """The records of some pages: valid rows, rejects, and how many were skipped because their day is not asked for.

    `dimensions` are the rows of the dimensions by table.
    """

    rows: EncodedRows
    rejects: Sequence[Reject] = field(repr=False)
    skipped: int
    dimensions: Mapping[str, EncodedRows]


class RecordSource(Protocol):
    """The records of one landing.

    A record's ordinal is its position in the landing, counted from 0.
    """

    def batches(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield the landing's records in order; `is_wanted` says whether a day of trade is to be merged."""

    def skipped(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield what `batches` skipped, in order; without its drift."""

    def again(self, payloads: Sequence[bytes], ordinals: Sequence[int]) -> RecordBatch:
        """Return the records of earlier rejects, transformed again, with these ordinals; called after `batches`."""

    def drift_found(self) -> SchemaDrift:
        """Return the drift of all records that were read so far."""
