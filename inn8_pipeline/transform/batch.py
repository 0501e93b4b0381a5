"""The result of transforming pages: rows, rejects and counts. `sync` passes it from the transform to the merge."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

import pandas as pd

from inn8_pipeline.entities import Reject

MAX_DISTINCT_VALUES = 1000
"""The number of unlisted values of a property that are counted separately."""

FURTHER_VALUES = "(further values)"
"""The key under which all further values are counted together."""

MAX_SUBJECTS = 100
"""How many subjects of an unlisted value are kept."""


@dataclass(slots=True)
class UnlistedValues:
    """The values of one property that the contract does not list, and its empty dates. Memory is bounded.

    Attributes:
        counts: How many records have each value.
        subjects: The parents of the records that have each value, or the records themselves if they have no parents,
            by INN8's id. They decide whether a value can be shown without revealing something about a person.

    """

    counts: Counter[str] = field(default_factory=Counter, repr=False)
    subjects: dict[str, set[str]] = field(default_factory=dict, repr=False)

    @property
    def records(self) -> int:
        """The number of records with an unlisted value."""
        return self.counts.total()

    def add(self, value: str, count: int, subjects: Iterable[str]) -> None:
        """Count records with this value."""
        if value not in self.counts and len(self.counts) >= MAX_DISTINCT_VALUES:
            value = FURTHER_VALUES
        self.counts[value] += count
        known = self.subjects.setdefault(value, set())
        known.update(islice(subjects, MAX_SUBJECTS - len(known)))

    def update(self, other: Self) -> None:
        """Add the counts and the subjects of another `UnlistedValues`."""
        for value, count in other.counts.items():
            self.add(value, count, other.subjects[value])


@dataclass(frozen=True, slots=True)
class EntityRows:
    """The rows made from valid records, one for each record, in their order.

    `unlisted` are the ordinals of the records with an unlisted value or an empty date.
    """

    rows: pd.DataFrame = field(repr=False)
    unknown_values: Mapping[str, UnlistedValues] = field(repr=False)
    unlisted: frozenset[int] = field(repr=False)
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
        unknown_values: By choice, its unlisted values; by date, its empty dates, if there are any.
        unlisted: The ordinals of the records with an unlisted value or an empty date.
        unknown_properties: The paths ("address.country") of the unknown properties that the transformer has met so far.

    """

    rows: pd.DataFrame = field(repr=False)
    rejects: tuple[Reject, ...]
    skipped: int
    dimensions: Mapping[str, pd.DataFrame] = field(repr=False)
    unknown_values: Mapping[str, UnlistedValues] = field(repr=False)
    unlisted: frozenset[int] = field(repr=False)
    unknown_properties: frozenset[str] = field(repr=False)

    @property
    def records(self) -> int:
        """The number of records of the pages."""
        return len(self.rows) + len(self.rejects) + self.skipped


def join(batches: Sequence[Batch]) -> Batch:
    """Return consecutive batches as one. Its `dimensions` may have several rows for one id."""
    if len(batches) == 1:
        return batches[0]
    unknown_values: dict[str, UnlistedValues] = {}
    for batch in batches:
        for name, values in batch.unknown_values.items():
            unknown_values.setdefault(name, UnlistedValues()).update(values)
    return Batch(
        rows=pd.concat([batch.rows for batch in batches], ignore_index=True),
        rejects=tuple(reject for batch in batches for reject in batch.rejects),
        skipped=sum(batch.skipped for batch in batches),
        dimensions={
            name: pd.concat([batch.dimensions[name] for batch in batches], ignore_index=True)
            for name in batches[0].dimensions
        },
        unknown_values=unknown_values,
        unlisted=frozenset().union(*(batch.unlisted for batch in batches)),
        unknown_properties=frozenset().union(*(batch.unknown_properties for batch in batches)),
    )
