"""The schema of a sync log entry, shared by the steps that write it and by `inn8 log`, which reads it.

It has plain values only, because the CLI loads this module before Dagster, and other layers share it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from inn8_pipeline.entities import Window
from inn8_pipeline.warehouse.merge.results import Counts, Status

TOTALS = ("missing", "removed", "held_back", "repaired")
"""Counts of rows that only a whole sync has, not its single days."""

_OTHER_NAMES = {"skipped": "outside", "fetched": "record_count", "rejected": "error_count"}
"""The names of counts in the metadata: `outside` in release 0.1, and those that the users' document asks for."""

OPEN_REJECTS = "rejects are open"
"""How the first sentence of a sync's message says, after their number, that rejects need attention."""


class Cause(StrEnum):
    """What was away or refused to work when a sync failed, if it concerns more than one entity."""

    INN8 = "INN8"
    POSTGRES = "Postgres"


@dataclass(frozen=True, slots=True)
class SyncLogEntry:
    """The result of one sync, or of one day of it.

    Attributes:
        status: How the sync ended; `InProgress` while it has not.
        started_at: When it began, in UTC.
        ended_at: When it ended, in UTC; None while it is running, or if the run died before it could log.
        counts: The counts of records by outcome; None if the sync failed.
        totals: The counts of rows named in `TOTALS`; empty in the entry of a single day.
        description: What the operator should know and do; may be empty.
        needs_action: Whether the operator must act although the sync did not fail.
        cause: The system that was away, if the sync failed because of that. Dagster's storage alone has it.

    """

    status: Status
    started_at: datetime | None = None
    ended_at: datetime | None = None
    counts: Counts | None = None
    totals: Mapping[str, int] = field(default_factory=dict)
    description: str = ""
    needs_action: bool = False
    cause: Cause | None = None

    @property
    def is_error(self) -> bool:
        """True if the operator must act."""
        return self.needs_action or self.status is Status.FAILED

    @property
    def record_count(self) -> int:
        """The number of records fetched."""
        return self.counts.fetched if self.counts else 0

    @property
    def error_count(self) -> int:
        """The number of records rejected."""
        return self.counts.rejected if self.counts else 0

    @property
    def error_message(self) -> str:
        """Why the sync failed; empty if it did not."""
        return self.description if self.status is Status.FAILED else ""

    @property
    def text(self) -> str:
        """The status and the description as one text."""
        return f"{self.status}. {self.description}".strip()

    @property
    def seconds(self) -> float:
        """The duration of the sync in seconds; 0 if its start or end is not known."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else 0.0

    def to_metadata(self) -> dict[str, str | float | datetime]:
        """Return the metadata of the check evaluation that represents the entry.

        The description is not included, because `text` is the description of the evaluation. Each number is there once,
        because the UI draws a plot of each: `fetched` is `record_count`, and `rejected` is `error_count`.
        """
        instants = {"started_at": self.started_at, "ended_at": self.ended_at}
        counts = self.counts.as_dict() if self.counts else {}
        return {
            "status": str(self.status),
            "record_count": self.record_count,
            "error_count": self.error_count,
            **({"seconds": round(self.seconds, 1)} if counts else {}),
            **{name: instant for name, instant in instants.items() if instant is not None},
            "error_message": self.error_message,
            **({"cause": str(self.cause)} if self.cause else {}),
            **{name: count for name, count in counts.items() if name not in {"fetched", "rejected"}},
            **self.totals,
        }

    def to_metadata_of_day(self) -> dict[str, Any]:
        """Return the metadata of one day's evaluation. The counts are one value, because the UI plots each number."""
        texts = {name: value for name, value in self.to_metadata().items() if not isinstance(value, (int, float))}
        return {**texts, **({"counts": self.counts.as_dict()} if self.counts else {})}

    @classmethod
    def from_metadata(cls, values: Mapping[str, Any], text: str | None, *, is_error: bool) -> Self:
        """Return the entry of a check evaluation. Evaluations of release 0.1 can be read too.

        Args:
            values: The evaluation's metadata as plain values; an instant is in seconds since 1970.
            text: The evaluation's description.
            is_error: Whether the evaluation's severity is an error.

        """
        status = Status(values.get("status", Status.FAILED))
        return cls(
            status=status,
            started_at=_instant(values.get("started_at")),
            ended_at=_instant(values.get("ended_at")),
            counts=_counts(values),
            totals={name: int(values[name]) for name in TOTALS if name in values},
            description=str(values.get("error_message") or (text or "").removeprefix(f"{status}.").strip()),
            needs_action=is_error and status is not Status.FAILED,
            cause=Cause(values["cause"]) if values.get("cause") in set(Cause) else None,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the entry as a JSON object, with instants in ISO 8601. `counts` is empty if the sync failed."""
        return {
            "status": str(self.status),
            "record_count": self.record_count,
            "error_count": self.error_count,
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "error_message": self.error_message,
            "description": self.text,
            "counts": self.counts.as_dict() if self.counts else {},
        }


class Trigger(StrEnum):
    """What started a sync."""

    TICK = "tick"
    SWEEP = "sweep"
    BACKFILL = "backfill"
    MANUAL = "manual"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class LoggedSync:
    """One sync of one entity, with its sync log entry. The attributes after `trigger` are None if the sync failed.

    Attributes:
        window: The days of trade that were synced; None for an entity without days.
        trigger: What started it; None if that is no longer known.
        landing_id: The landing that was merged; the last one if there were several.
        bytes: The number of bytes that the sync fetched, decompressed.
        retries: The number of requests that were tried again.
        waits: How often a merge waited for another sync of the entity.
        waited_seconds: How long requests waited for the request budget or INN8's rate limit.
        unchanged_pages: How many pages INN8 did not send again, because they had not changed.
        merged_at: When the transactions of its merges began; empty if it merged nothing.

    """

    tenant_id: str
    entity: str
    run_id: str
    entry: SyncLogEntry
    window: Window | None = None
    trigger: Trigger | None = None
    landing_id: int | None = None
    bytes: int | None = None
    retries: int | None = None
    waits: int | None = None
    waited_seconds: int | None = None
    unchanged_pages: int | None = None
    merged_at: Sequence[datetime] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the sync as a JSON object, for scripts."""
        return {
            "tenant_id": self.tenant_id,
            "entity": self.entity,
            "run_id": self.run_id,
            **self.entry.as_json(),
            "from": self.window and self.window.from_date.isoformat(),
            "to": self.window and self.window.to_date.isoformat(),
            "trigger": self.trigger and str(self.trigger),
            **{name: self.entry.totals.get(name) for name in TOTALS},
            "bytes": self.bytes,
            "retries": self.retries,
            "waits": self.waits,
            "waited_seconds": self.waited_seconds,
            "unchanged_pages": self.unchanged_pages,
            "landing_id": self.landing_id,
        }


UNLOGGED = "The run ended before it could log why. Its events in the Dagster UI show how far it got."
"""The message for a run that has written no entry."""

_WORST_FIRST = (Status.FAILED, Status.PARTIAL_SUCCESS, Status.SUCCESS, Status.NO_DATA)


def worst(statuses: Iterable[Status]) -> Status:
    """Return the combined status of several syncs: the worst one, or `NoData` if none had any data."""
    found = set(statuses)
    if found == {Status.NO_DATA}:
        return Status.NO_DATA
    return next((status for status in _WORST_FIRST if status in found), Status.SUCCESS)


def _instant(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def _counts(values: Mapping[str, Any]) -> Counts | None:
    if "inserted" not in values:
        return None
    names = (each.name for each in fields(Counts))
    return Counts(**{name: int(values.get(name, values.get(_OTHER_NAMES.get(name, name), 0))) for name in names})
