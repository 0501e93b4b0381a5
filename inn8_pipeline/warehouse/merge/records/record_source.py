"""The interface through which a merge reads its records. It knows neither JSON nor DataFrames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from inn8_pipeline.entities import Reject
from inn8_pipeline.warehouse.bulk_copy import EncodedRows
from inn8_pipeline.warehouse.merge.results import SchemaDrift


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """The records of some pages: valid rows, rejects, and the number of records skipped because of their day.

    `dimensions` has the rows of each dimension, by table.
    """

    rows: EncodedRows
    rejects: Sequence[Reject] = field(repr=False)
    skipped: int
    dimensions: Mapping[str, EncodedRows]


class RecordSource(Protocol):
    """The records of one landing.

    A record's ordinal is its position in the landing, counted from 0.
    """

    def choose(self, ordinals: Sequence[int]) -> None:
        """Let `batches` yield only the records with these ordinals, which are ascending."""

    def batches(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield the landing's records in order, or those chosen.

        `is_wanted` returns True for the days of trade that are merged.
        """

    def skipped(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        """Yield the records that `batches` skipped, in order, without collecting their drift."""

    def again(self, payloads: Sequence[bytes], ordinals: Sequence[int]) -> RecordBatch:
        """Transform the records of earlier rejects again, and return them with these ordinals. Call `batches` first."""

    def drift_found(self) -> SchemaDrift:
        """Return the drift of all records read so far."""
