"""What a merge tells: its counts, and what the sync log makes of them. Values only."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from typing import Any, Self


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
    skipped: int = 0

    @property
    def balance(self) -> int:
        """0 where the reconciliation holds."""
        gone = self.inserted + self.updated + self.unchanged + self.duplicate + self.rejected + self.skipped
        return self.fetched + self.retried - gone

    def plus(self, **more: int) -> Self:
        """These counts and some more."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})

    def as_dict(self) -> dict[str, int]:
        """By name, in the law's order."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class SchemaDrift:
    """What INN8 sends and the contract does not list; what may be told of it.

    `records` counts, per choice, the records whose value is not listed; `values` names some of these values with their
    counts; `properties` are the paths of unknown properties.
    """

    records: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    properties: tuple[str, ...] = ()

    def plus(self, other: Self) -> Self:
        """These and the other's."""
        names = {**self.records, **other.records}
        return replace(
            self,
            records={name: self.records.get(name, 0) + other.records.get(name, 0) for name in names},
            values={
                name: dict(Counter(self.values.get(name, {})) + Counter(other.values.get(name, {}))) for name in names
            },
            properties=tuple(sorted({*self.properties, *other.properties})),
        )

    @classmethod
    def told_again(cls, kept: Mapping[str, Any]) -> Self:
        """From what a landing keeps of them; one of an earlier release keeps none."""
        return cls(kept.get("records", {}), kept.get("values", {}), tuple(kept.get("properties", ())))


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
    dimensions: dict[str, dict[str, int]] = field(default_factory=dict)
    drift_found: SchemaDrift = field(default_factory=SchemaDrift)
