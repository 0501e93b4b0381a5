"""The result of transforming pages: rows, rejects and counts. `sync` passes it from the transform to the merge."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from inn8_pipeline.entities import Reject


@dataclass(frozen=True, slots=True)
class EntityRows:
    """The rows made from valid records, one for each record, in their order."""

    rows: pd.DataFrame = field(repr=False)
    unknown_values: Mapping[str, Counter[str]] = field(repr=False)
    dimensions: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The result of transforming one page, or several consecutive pages.

    It always accounts for every record: `len(rows) + len(rejects) + skipped` is their number.

    Attributes:
        rows: A row for each valid record inside the window, in their order, Arrow-backed.
        rejects: The invalid records inside the window, or without a readable trade date.
        skipped: The number of records, valid or not, whose trade date is readable and outside the window.
        dimensions: By table, the distinct objects of each page, each with the attributes of its newest trade date, and
            within that day of its highest ordinal.
        unknown_values: By choice, how often each unlisted value came.
        unknown_properties: The paths ("address.country") of the unknown properties that the transformer has met so far.

    """

    rows: pd.DataFrame = field(repr=False)
    rejects: tuple[Reject, ...]
    skipped: int
    dimensions: Mapping[str, pd.DataFrame] = field(repr=False)
    unknown_values: Mapping[str, Counter[str]] = field(repr=False)
    unknown_properties: frozenset[str] = field(repr=False)

    @property
    def records(self) -> int:
        """The number of records of the pages."""
        return len(self.rows) + len(self.rejects) + self.skipped


def join(batches: Sequence[Batch]) -> Batch:
    """Return consecutive batches as one. Its `dimensions` may have several rows for one id."""
    if len(batches) == 1:
        return batches[0]
    unknown_values: dict[str, Counter[str]] = {}
    for batch in batches:
        for name, values in batch.unknown_values.items():
            unknown_values.setdefault(name, Counter()).update(values)
    return Batch(
        rows=pd.concat([batch.rows for batch in batches], ignore_index=True),
        rejects=tuple(reject for batch in batches for reject in batch.rejects),
        skipped=sum(batch.skipped for batch in batches),
        dimensions={
            name: pd.concat([batch.dimensions[name] for batch in batches], ignore_index=True)
            for name in batches[0].dimensions
        },
        unknown_values=unknown_values,
        unknown_properties=frozenset().union(*(batch.unknown_properties for batch in batches)),
    )
