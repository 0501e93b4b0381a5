"""The result of a merge: its counts, its status, and the drift, as values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.landing.store import Landing


def sync_command(landing: "Landing", option: str) -> str:
    """Return the command that syncs the days of the landing again, with an option such as `--allow-rejects`."""
    days = f" --from {landing.window.from_date} --to {landing.window.to_date}" if landing.window else ""
    return f"inn8 sync {landing.entity}{days} --tenant {landing.tenant_id} {option}"


class Status(StrEnum):
    """The status of a sync, as the sync log shows it. A merge ends with one of the first three."""

    SUCCESS = "Success"
    PARTIAL_SUCCESS = "PartialSuccess"
    NO_DATA = "NoData"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of records by result. Reconciliation: `fetched + retried` is the sum of all the others."""

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
        """The difference between the two sides of the reconciliation; 0 if it holds."""
        ended = self.inserted + self.updated + self.unchanged + self.duplicate + self.rejected + self.skipped
        return self.fetched + self.retried - ended

    def plus(self, **more: int) -> Self:
        """Return these counts with others added."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, in the order of the equation."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


NO_COUNTS = Counts()


@dataclass(frozen=True, slots=True)
class SchemaDrift:
    """What INN8 sends although the declaration does not list it. It contains only what may be shown.

    Attributes:
        records: The number of records with an unlisted value, by choice, or with an empty date, by date.
        values: The values that identify nobody with their numbers of records, by choice or date.
        properties: The paths of unknown properties.
        distinct_values: The number of different values, shown or not, by choice or date.

    """

    records: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    properties: tuple[str, ...] = ()
    distinct_values: Mapping[str, int] = field(default_factory=dict)

    def plus(self, other: Self) -> Self:
        """Return the sum of both."""
        names = {**self.records, **other.records}
        return replace(
            self,
            records={name: self.records.get(name, 0) + other.records.get(name, 0) for name in names},
            values={
                name: dict(Counter(self.values.get(name, {})) + Counter(other.values.get(name, {}))) for name in names
            },
            properties=tuple(sorted({*self.properties, *other.properties})),
            distinct_values={
                name: max(self.distinct_values.get(name, 0), other.distinct_values.get(name, 0)) for name in names
            },
        )


NO_DRIFT = SchemaDrift()

# Names in the landings of release 0.1: `outside` is now `skipped`, `told` is `merged`, `surprises` is `drift`.
_FORMER_COUNTS = {"outside": "skipped"}


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """The counts that are stored with a landing (`inn8_raw.landings.counts`).

    `merged` are the counts of its merge; they are zero for NoData landings of release 0.1, which stored none. The
    others are the counts of a later sync that fetches the same pages: every row that this merge wrote is unchanged.
    """

    merged: Counts = NO_COUNTS
    unchanged: Counts = NO_COUNTS
    by_day: Mapping[date, Counts] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    drift: SchemaDrift = NO_DRIFT

    def as_json(self) -> dict[str, Any]:
        """Return the values as they are stored in JSON."""
        return {
            "merged": self.merged.as_dict(),
            "whole": _short(self.unchanged),
            "days": {day.isoformat(): _short(counts) for day, counts in self.by_day.items()},
            "reasons": dict(self.reasons),
            "drift": asdict(self.drift),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Self:
        """Return the counts that this or an earlier release stored with a landing."""
        values = stored or {}
        drift = values.get("drift") or values.get("surprises", {})
        return cls(
            merged=Counts(**_renamed(values.get("merged") or values.get("told", {}))),
            unchanged=_balanced(values.get("whole", {})),
            by_day={date.fromisoformat(day): _balanced(counts) for day, counts in values.get("days", {}).items()},
            reasons=values.get("reasons", {}),
            drift=SchemaDrift(
                drift.get("records", {}),
                drift.get("values", {}),
                tuple(drift.get("properties", ())),
                drift.get("distinct_values", {}),
            ),
        )


def _short(counts: Counts) -> dict[str, int]:
    return {name: count for name, count in counts.as_dict().items() if count and name != "fetched"}


def _renamed(counts: Mapping[str, int]) -> dict[str, int]:
    return {_FORMER_COUNTS.get(name, name): count for name, count in counts.items()}


def _balanced(counts: Mapping[str, int]) -> Counts:
    """Return the counts with their sum as `fetched`; these counts have no retried records."""
    return Counts(fetched=sum(counts.values())).plus(**_renamed(counts))


@dataclass(frozen=True, slots=True)
class UnconfirmedRows:
    """Rows that the last fetch of their day lacked, without showing that INN8 no longer has them.

    `reason` is one of the reasons in `absent_rows`; `since` is the start of the first fetch that lacked one of them.
    """

    reason: str
    rows: int
    since: datetime


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What the status of a sync depends on in addition to its counts.

    Attributes:
        open_rejects: Open rejects of the entity that no operator has accepted.
        held_back: Rows that were not marked as missing because of the bound on removals.
        unconfirmed: Rows that the last fetch lacked, without showing that they are gone.
        proves_absence: False if pages overlapped or more may follow, so INN8 may have records that the landing lacks.
        older: Records that were skipped because the table is newer.
        sent_again: Duplicates among the records of the landing itself.

    """

    open_rejects: int = 0
    held_back: int = 0
    unconfirmed: int = 0
    proves_absence: bool = True
    older: int = 0
    sent_again: int = 0


def status_of(counts: Counts, facts: StatusFacts) -> Status:
    """Return the status of a sync.

    `Success`: the table has every record that INN8 sent, and nothing else. `NoData`: INN8 sent no record of the days of
    the sync. `PartialSuccess`: something is left open, or no row was written or confirmed.
    """
    if not counts.fetched:
        return Status.NO_DATA
    confirmed = counts.inserted + counts.updated + counts.unchanged
    is_open = facts.open_rejects or facts.held_back or facts.unconfirmed or facts.sent_again
    if is_open or not facts.proves_absence or (facts.older and not confirmed):
        return Status.PARTIAL_SUCCESS
    if counts.skipped == counts.fetched:
        return Status.NO_DATA
    return Status.SUCCESS if confirmed else Status.PARTIAL_SUCCESS


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result of one merge.

    `repaired` is the number of rows edited by hand that this merge restored, because INN8 sent their record again.
    `older` is the number of records that were skipped because the table is newer. `sent_again` is the number of
    duplicates, without retried rejects (they are not in the landing). `is_repeat`: INN8 sent the same pages as before.
    Then the records that the earlier merge wrote are counted as `unchanged`; other counts stay the same.
    `changed_columns` has for each table the number of rows in which each column has changed. `merged_at` is the
    `created_at` of the rows that the merge inserted; None if it merged nothing.
    """

    status: Status
    counts: Counts
    by_day: Mapping[date, Counts] = field(default_factory=dict)
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    open_rejects: int = 0
    missing: int = 0
    removed: int = 0
    held_back: int = 0
    repaired: int = 0
    unconfirmed: tuple[UnconfirmedRows, ...] = ()
    older: int = 0
    sent_again: int = 0
    is_repeat: bool = False
    dimensions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    drift_found: SchemaDrift = NO_DRIFT
    changed_columns: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    merged_at: datetime | None = None
