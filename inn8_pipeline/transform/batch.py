"""What becomes of a page, or of several: rows, rejects, and what was counted. A value that `defs` hands to `warehouse`.

No rule stands here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from inn8_pipeline.entities import Reject


@dataclass(frozen=True, slots=True)
class EntityRows:
    """The rows that an entity's rules made of sound records, one for each record, in their order."""

    rows: pd.DataFrame = field(repr=False)
    unknown_values: Mapping[str, Counter[str]] = field(repr=False)
    dimensions: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What became of a page, or of pages that follow each other: `len(rows) + len(rejects) + skipped` records, always.

    `rows` has a row for each sound record inside the window, in their order, Arrow-backed. `skipped` counts the
    records, sound or faulty, with a readable trade date that is not asked for. `dimensions` has, by
    table, the distinct objects of each page, each as its newest trade date, then its highest ordinal, has it.
    `unknown_values` counts, per choice, what the mapping did not know; `unknown_properties` are the paths
    ("address.country") that this Transformer has met so far and that are not ours.
    """

    rows: pd.DataFrame = field(repr=False)
    rejects: tuple[Reject, ...]
    skipped: int
    dimensions: Mapping[str, pd.DataFrame] = field(repr=False)
    unknown_values: Mapping[str, Counter[str]] = field(repr=False)
    unknown_properties: frozenset[str] = field(repr=False)

    @property
    def records(self) -> int:
        """How many records the page has, or the pages have."""
        return len(self.rows) + len(self.rejects) + self.skipped


def join(batches: Sequence[Batch]) -> Batch:
    """Return pages that follow each other as one batch; its `dimensions` may hold several rows of an id."""
    if len(batches) == 1:
        return batches[0]
    unknown_values: dict[str, Counter[str]] = {}
    for each in batches:
        for name, values in each.unknown_values.items():
            unknown_values.setdefault(name, Counter()).update(values)
    return Batch(
        rows=pd.concat([each.rows for each in batches], ignore_index=True),
        rejects=tuple(reject for each in batches for reject in each.rejects),
        skipped=sum(each.skipped for each in batches),
        dimensions={
            name: pd.concat([each.dimensions[name] for each in batches], ignore_index=True)
            for name in batches[0].dimensions
        },
        unknown_values=unknown_values,
        unknown_properties=frozenset().union(*(each.unknown_properties for each in batches)),
    )
