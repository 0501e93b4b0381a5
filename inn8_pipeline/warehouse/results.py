"""What a merge tells: its counts, and what the sync log makes of them. Values only."""

from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from typing import Self


class Status(StrEnum):
    """The four statuses of a sync log that the user's document names (`InProgress` is Dagster's planned check)."""

    SUCCESS = "Success"
    PARTIAL_SUCCESS = "PartialSuccess"
    NO_DATA = "NoData"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of records. Conserved: `fetched + retried` is the sum of all the others."""

    fetched: int = 0
    retried: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    outside: int = 0

    @property
    def balance(self) -> int:
        """0 where the law of conservation holds."""
        gone = self.inserted + self.updated + self.unchanged + self.duplicate + self.rejected + self.outside
        return self.fetched + self.retried - gone

    def plus(self, **more: int) -> Self:
        """These counts and some more."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})

    def as_dict(self) -> dict[str, int]:
        """By name, in the law's order."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class SyncResult:
    """One merge. Of a repeat (nothing to merge) all records are `unchanged` or what the repeated merge made of them."""

    status: Status
    counts: Counts
    by_day: dict[date, Counts] = field(default_factory=dict)
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    open_rejects: int = 0
    missing: int = 0
    removed: int = 0
    held_back: int = 0
    is_repeat: bool = False
    securities: dict[str, int] = field(default_factory=dict)
