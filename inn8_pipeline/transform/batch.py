"""What becomes of one page: rows, rejects, and what was counted. A value that `defs` hands to `warehouse`.

No rule stands here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from inn8_pipeline.entities import Reject


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that an entity's rules made of sound records, one for each record, in their order."""

    rows: pd.DataFrame = field(repr=False)
    unknown_values: Mapping[str, Counter[str]] = field(repr=False)
    securities: pd.DataFrame | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What became of one page. The page's records are `len(rows) + len(rejects) + outside`, always.

    `rows` has a row for each sound record inside the window, in the page's order, Arrow-backed. `outside` counts the
    records, sound or faulty, with a readable trade date that is not asked for. `securities` (transactions only) are
    the distinct securities of the rows, each as its newest trade date, then its highest ordinal, has it.
    `unknown_values` counts, per choice, what the mapping did not know; `unknown_properties` are the paths
    ("address.country") that this Transformer has met so far and that are not ours.
    """

    rows: pd.DataFrame = field(repr=False)
    rejects: tuple[Reject, ...]
    outside: int
    securities: pd.DataFrame | None = field(repr=False)
    unknown_values: Mapping[str, Counter[str]] = field(repr=False)
    unknown_properties: frozenset[str] = field(repr=False)

    @property
    def records(self) -> int:
        """How many records the page has."""
        return len(self.rows) + len(self.rejects) + self.outside
