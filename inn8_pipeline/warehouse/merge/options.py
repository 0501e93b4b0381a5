"""The options of a merge, and its bound on rejects."""

from dataclasses import dataclass, field

from inn8_pipeline.entities import Window
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.changes.change_limit import ChangeLimit


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """The bound on rejects: one sync may reject at most `percent` of its records. It does not apply to few records.

    Records with unknown parents do not count, because they heal once the parent is synced.
    """

    percent: int = 50
    minimum_records: int = 20

    def forbids(self, rejected: int, records: int) -> bool:
        """Return True if more records are rejected than the bound allows, which suggests that the contract changed."""
        return records >= self.minimum_records and rejected * 100 > records * self.percent


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """The options of one merge.

    Attributes:
        transform_version: The version of the transform. A landing that was merged by another version is merged again.
        full_window: Every day that INN8 may have records for. A row is removed only after all of them were fetched
            again. None for entities without days.
        may_repeat: End the sync without a merge if the landing has the same pages as a merged one.
        may_skip_same: Neither decode nor stage the records that have the digests of their rows. If it or `may_repeat`
            is False, all values are compared.
        reject_limit: The bound on records that are rejected at once.
        removal_limit: The bound on rows that are marked as missing at once.
        change_limit: The bound on rows in which one column changes at once.
        lock_seconds: How long to wait for another sync of the entity.
        is_dry_run: Do and check everything, but roll back at the end.
        run_id: The run that merges, for the history. None: the run that fetched the landing.

    """

    transform_version: int
    full_window: Window | None = None
    may_repeat: bool = True
    may_skip_same: bool = True
    reject_limit: RejectLimit = field(default_factory=RejectLimit)
    removal_limit: RemovalLimit = field(default_factory=RemovalLimit)
    change_limit: ChangeLimit = field(default_factory=ChangeLimit)
    lock_seconds: float = 600.0
    is_dry_run: bool = False
    run_id: str | None = None
