"""What counts as good: the judgement of each check beside the sync log, with what to do where it has not passed.

Here belong bounds and sentences. Where the numbers come from is `warehouse.health`'s, when they are judged `checks`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.defs import metadata
from inn8_pipeline.defs.catalog import bounds
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import SyncSettings

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.queries.health import Health, Recency

MAX_DROP_PERCENT = 5
MAX_DROP_PERCENT_OF_A_DAY = 50
"""Fewer than usual by more than this fail the check `row_drop`. The bound on removals is separate, and an error."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What a check found. `advice` says what it means and what to do, where it has not passed."""

    passed: bool
    advice: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_error: bool = False

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """An error where the operator has to act."""
        return dg.AssetCheckSeverity.ERROR if self.is_error else dg.AssetCheckSeverity.WARN

    def result(self, key: dg.AssetKey, name: str) -> dg.AssetCheckResult:
        """As a step gives it to Dagster."""
        return dg.AssetCheckResult(asset_key=key, check_name=name, **self._told())

    def evaluation(self, key: dg.AssetKey, name: str, day: str | None = None) -> dg.AssetCheckEvaluation:
        """As a sensor, or a step that does more than check, gives it to Dagster."""
        return dg.AssetCheckEvaluation(asset_key=key, check_name=name, partition=day, **self._told())

    def _told(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "severity": self.severity,
            "description": self.advice or None,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class CheckInput:
    """What is judged."""

    entity: Entity
    settings: SyncSettings
    health: "Health"


def judge_freshness(settings: SyncSettings, recency: "Recency") -> CheckOutcome:
    """Whether the last sync is as recent as the schedule lets expect.

    Where today was never synced, other days may have been, as on the day of a first load: that is late, not failed.
    """
    late_after, failed_after = bounds(settings)
    newest = recency.last_synced_at or recency.last_of_any_day_at
    if newest is None:
        return CheckOutcome(passed=False, advice=f"Nothing was ever synced. {_LATE}")
    age = recency.now - newest
    told = {"last_synced_at": dg.MetadataValue.timestamp(newest), "age_minutes": int(age / timedelta(minutes=1))}
    if age <= late_after:
        advice = "" if recency.last_synced_at else f"Today's days were not synced yet; others were, just now. {_LATE}"
        return CheckOutcome(passed=not advice, advice=advice, metadata=told)
    state = "failed" if age > failed_after else "late"
    advice = f"The data is {state}: the last sync that was merged began {_span(age)} ago. {_LATE}"
    return CheckOutcome(passed=False, advice=advice, metadata=told, is_error=age > failed_after)


_LATE = (
    "Look at the sync log of this asset; if it has no new line either, see whether the daemon runs and the schedule is "
    "on (`inn8 doctor`)."
)


def _span(age: timedelta) -> str:
    hours, minutes = divmod(int(age / timedelta(minutes=1)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def freshness(subject: CheckInput) -> CheckOutcome:
    """Whether the last sync of what matters today is recent."""
    return judge_freshness(subject.settings, subject.health.recency)


def judge_reconciliation(on_pages: int, told: Mapping[str, int]) -> CheckOutcome:
    """The law, from two witnesses: the records that the kept pages have, and the exits that the merge counted."""
    came = on_pages + told.get("retried", 0)
    gone = sum(count for name, count in told.items() if name not in {"fetched", "retried"})
    if came == gone:
        return CheckOutcome(passed=True, metadata={"on_pages": on_pages, **told})
    advice = (
        f"{came} records came (those tried again among them) and {gone} are accounted for: the counts do not add up. "
        "A fault of the pipeline: keep the landing, and report it with these counts. Nothing that was there is lost."
    )
    return CheckOutcome(passed=False, advice=advice, metadata={"on_pages": on_pages, **told}, is_error=True)


def reconciliation(subject: CheckInput) -> CheckOutcome:
    """Whether the last merge accounted for every record."""
    last = subject.health.last_merge
    if last is None or not last.told:
        return CheckOutcome(passed=True, metadata={"on_pages": 0})
    return judge_reconciliation(last.on_pages, last.told)


def unknown_values(subject: CheckInput) -> CheckOutcome:
    """Whether each status and type is one that the contract lists."""
    found = subject.health.drift_found
    if not found.records:
        return CheckOutcome(passed=True)
    told = {name: value for name, value in metadata.drift_found(found).items() if name != "unknown properties"}
    listed = ", ".join(f"{name} of {records} records" for name, records in found.records.items())
    advice = (
        f"INN8 sends values that the contract does not list ({listed}); they became `unknown`. If one of them means "
        "something, add it to the choices in entities.py and materialize this asset again: the pages are kept."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=told)


def drift(subject: CheckInput) -> CheckOutcome:
    """Whether each property is one that the contract knows, or the operator."""
    found = [each for each in subject.health.unknown_properties if each.accepted_at is None]
    if not found:
        return CheckOutcome(passed=True)
    rows = [
        dg.TableRecord({"property": each.name, "first_seen_at": f"{each.first_seen_at:%Y-%m-%d %H:%M}"})
        for each in found
    ]
    advice = (
        f"INN8 sends properties that no column is made from: {', '.join(each.name for each in found)}. They are kept "
        "in the landings. If one is wanted, see entities.py; if not, "
        f"`inn8 drift accept {subject.entity} NAME --note …`."
    )
    return CheckOutcome(passed=False, advice=advice, metadata={"unknown_properties": dg.MetadataValue.table(rows)})


def row_drop(subject: CheckInput) -> CheckOutcome:
    """Whether there are about as many as usual."""
    volume = subject.health.volume
    if volume is None:
        return CheckOutcome(passed=True)
    told = {"of": volume.of, "count": volume.count, "usual": volume.usual}
    most = MAX_DROP_PERCENT_OF_A_DAY if subject.entity.has_days else MAX_DROP_PERCENT
    if volume.count * 100 >= volume.usual * (100 - most):
        return CheckOutcome(passed=True, metadata=told)
    advice = (
        f"{volume.of} has {volume.count} {subject.entity}, usual are {volume.usual:g}: more than {most} % fewer. On a "
        "public holiday that is right; otherwise ask INN8. Nothing is removed by it: removals have their own bound."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=told)


def open_rejects(subject: CheckInput) -> CheckOutcome:
    """Whether a refused record is open that nobody has accepted."""
    health = subject.health
    count = sum(health.open_rejects.values())
    if not count or health.oldest_reject_at is None:
        return CheckOutcome(passed=True, metadata={"open": 0})
    told = {
        "open": count,
        "oldest_first_seen_at": dg.MetadataValue.timestamp(health.oldest_reject_at),
        "by_reason": dict(health.open_rejects),
    }
    listed = ", ".join(f"{code} {number}" for code, number in health.open_rejects.items())
    oldest_days = (health.recency.now - health.oldest_reject_at).days
    advice = (
        f"{count} refused records are open ({listed}), the oldest for {oldest_days} days. "
        f"`inn8 rejects list --entity {subject.entity}` names them; what INN8 will never mend, accept."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=told)
