"""The rules of the checks other than the sync log: when a check passes, and its advice if it does not.

The rules have the limits and the sentences. `warehouse.queries.health` reads the numbers; `asset_checks` applies the
rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.defs.assets import metadata
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import SyncSettings
from inn8_pipeline.warehouse.landing import CLOCK_TOLERANCE

if TYPE_CHECKING:
    from inn8_pipeline.defs.instance.pauses import Pause
    from inn8_pipeline.warehouse.queries.health import Health, OpenReject, Recency

MAX_DROP_PERCENT = 5
MAX_DROP_PERCENT_OF_A_DAY = 50
"""The drop below the usual number from which the check `row_drop` fails. Removals have a limit of their own."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The result of a check. If it has not passed, `advice` says what that means and what to do."""

    passed: bool
    advice: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_error: bool = False

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """ERROR if the operator must act, otherwise WARN."""
        return dg.AssetCheckSeverity.ERROR if self.is_error else dg.AssetCheckSeverity.WARN

    def result(self, key: dg.AssetKey, name: str) -> dg.AssetCheckResult:
        """Return the outcome as the result that the checks' own step yields."""
        return dg.AssetCheckResult(asset_key=key, check_name=name, **self._fields())

    def evaluation(self, key: dg.AssetKey, name: str, day: str | None = None) -> dg.AssetCheckEvaluation:
        """Return the outcome as an event, for a sensor or for a step that also merges."""
        return dg.AssetCheckEvaluation(asset_key=key, check_name=name, partition=day, **self._fields())

    def _fields(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "severity": self.severity,
            "description": self.advice or None,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class CheckInput:
    """The input of a rule."""

    tenant_id: str
    entity: Entity
    settings: SyncSettings
    health: "Health"
    pause: "Pause | None" = None


def freshness(checked: CheckInput) -> CheckOutcome:
    """Check that the last sync of current data is recent."""
    return freshness_of(checked.settings, checked.health.recency, checked.pause)


def freshness_of(settings: SyncSettings, recency: "Recency", pause: "Pause | None" = None) -> CheckOutcome:
    """Check that the last sync is as recent as the schedule should make it.

    If today was never synced but other days were, as on the day of a first load, the data is late, not failed. An
    entity that is paused is not late, and one that was resumed has as long as after a sync.
    """
    late_after, failed_after = settings.freshness_bounds()
    newest = recency.last_synced_at or recency.last_of_any_day_at
    if newest is None:
        return CheckOutcome(passed=False, advice=f"Nothing was ever synced. {_LATE}")
    age = recency.now - newest
    numbers = {"last_synced_at": dg.MetadataValue.timestamp(newest), "age_minutes": int(age / timedelta(minutes=1))}
    if age < -CLOCK_TOLERANCE:
        advice = (
            f"The last sync that was merged began {_span(-age)} in the future: the clock of the database was ahead "
            "then, or is behind now. No sync can be merged meanwhile. Check the clock (`inn8 doctor` compares it); if "
            "it is right, run `inn8 db heal-clock`."
        )
        return CheckOutcome(passed=False, advice=advice, metadata=numbers, is_error=True)
    if pause is not None and pause.lasts:
        advice = f"This entity is {pause}. No sync is due meanwhile; the job inn8_resume or `inn8 resume` ends it."
        return CheckOutcome(passed=True, advice=advice, metadata={**numbers, PAUSED: str(pause)})
    if pause is not None and pause.resumed_at is not None:
        age = min(age, recency.now - pause.resumed_at)
    if age <= late_after:
        advice = "" if recency.last_synced_at else f"Other days were synced recently, but not those of today. {_LATE}"
        return CheckOutcome(passed=not advice, advice=advice, metadata=numbers)
    state = "failed" if age > failed_after else "late"
    advice = f"The data is {state}: the last sync that was merged began {_span(age)} ago. {_LATE}"
    return CheckOutcome(passed=False, advice=advice, metadata=numbers, is_error=age > failed_after)


PAUSED = "paused"
"""The metadata of an evaluation of `freshness` of an entity that is paused."""
_LATE = (
    "Read the sync log of this asset. If it has no new entry, check that the daemon is running and that the schedule "
    "is on (`inn8 doctor`)."
)


def _span(age: timedelta) -> str:
    hours, minutes = divmod(int(age / timedelta(minutes=1)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def reconciliation(checked: CheckInput) -> CheckOutcome:
    """Check that the last merge accounted for every record."""
    last = checked.health.last_merge
    if last is None or not last.merge_counts:
        return CheckOutcome(passed=True, metadata={"on_pages": 0})
    return reconciliation_of(last.page_records, last.merge_counts)


def reconciliation_of(on_pages: int, counts: Mapping[str, int]) -> CheckOutcome:
    """Compare two independent counts: the records on the stored pages, and the records that the merge accounted for."""
    numbers = {"on_pages": on_pages, **counts}
    received = on_pages + counts.get("retried", 0)
    accounted_for = sum(count for name, count in counts.items() if name not in {"fetched", "retried"})
    if received == accounted_for:
        return CheckOutcome(passed=True, metadata=numbers)
    advice = (
        f"{received} records were received, retried rejects included, but {accounted_for} are accounted for: the "
        "counts do not add up. This is a bug of the pipeline. Keep the landing, and report it with these counts. No "
        "row that existed before is lost."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=numbers, is_error=True)


def unknown_values(checked: CheckInput) -> CheckOutcome:
    """Check that the contract lists every status and type that INN8 sends, and that no date is empty.

    `blank_properties` names the properties without a value in any row; an open alert about one of them stays open.
    """
    found = checked.health.drift_found
    blank = [name for name in checked.health.blank_properties if name not in found.records]
    blanks = {"blank_properties": blank} if blank else {}
    if not found.records:
        return CheckOutcome(passed=True, metadata=blanks)
    values = {name: value for name, value in metadata.drift_found(found).items() if name != "unknown properties"}
    advice = (
        f"INN8 sends values that the contract does not list ({'; '.join(metadata.unlisted(found))}). The columns hold "
        f"`unknown` instead, or null for an empty date. `inn8 drift values {checked.entity} --tenant "
        f"{checked.tenant_id}` lists all values; only those that cannot be personal data are shown here. If you need a "
        "value, add it to the choices of its property (inn8_pipeline/entities) and materialize this asset again: the "
        "stored pages still have it."
    )
    return CheckOutcome(passed=False, advice=advice, metadata={**values, "properties": sorted(found.records), **blanks})


def drift(checked: CheckInput) -> CheckOutcome:
    """Check that each property has a column, or that an operator has accepted that it has none."""
    found = [each for each in checked.health.unknown_properties if each.accepted_at is None]
    if not found:
        return CheckOutcome(passed=True)
    rows = [
        dg.TableRecord({"property": each.name, "first_seen_at": f"{each.first_seen_at:%Y-%m-%d %H:%M}"})
        for each in found
    ]
    advice = (
        f"INN8 sends properties that have no column: {', '.join(each.name for each in found)}. The landings keep them. "
        "If one of them is another name of a known property, say so in the contract file (docs/contract.md). To add a "
        "column, declare the property (inn8_pipeline/entities); to accept that there is none, run "
        f"`inn8 drift accept {checked.entity} NAME --note … --tenant {checked.tenant_id}`."
    )
    return CheckOutcome(passed=False, advice=advice, metadata={"unknown_properties": dg.MetadataValue.table(rows)})


def row_drop(checked: CheckInput) -> CheckOutcome:
    """Check that the number of records or rows is about as usual."""
    volume = checked.health.volume
    if volume is None:
        return CheckOutcome(passed=True)
    numbers = {"of": volume.of, "count": volume.count, "usual": volume.usual}
    most = MAX_DROP_PERCENT_OF_A_DAY if checked.entity.has_days else MAX_DROP_PERCENT
    if volume.count * 100 >= volume.usual * (100 - most):
        return CheckOutcome(passed=True, metadata=numbers)
    advice = (
        f"{volume.of} has {volume.count} {checked.entity}; {volume.usual:g} are usual, so more than {most} % are "
        "missing. That is normal on a public holiday (INN8_HOLIDAYS); otherwise ask INN8. No row is removed because of "
        "this check: removals have a limit of their own."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=numbers)


def open_rejects(checked: CheckInput) -> CheckOutcome:
    """Check that there are no open rejects other than accepted ones."""
    health = checked.health
    count = sum(health.open_rejects.values())
    if not count or health.oldest_reject_at is None:
        return CheckOutcome(passed=True, metadata={"open": 0})
    numbers = {
        "open": count,
        "oldest_first_seen_at": dg.MetadataValue.timestamp(health.oldest_reject_at),
        "by_reason": dict(health.open_rejects),
        "rejects": dg.MetadataValue.table([_shown(each) for each in health.first_rejects]),
    }
    listed = ", ".join(f"{code} {number}" for code, number in health.open_rejects.items())
    oldest_days = (health.recency.now - health.oldest_reject_at).days
    advice = (
        f"{count} rejected records are open ({listed}), the oldest for {oldest_days} days. `inn8 rejects list "
        f"--entity {checked.entity}` lists them, `inn8 rejects show ID` shows one. Ask INN8 to correct them; "
        "accept those that it never will (in the UI: job inn8_rejects)."
    )
    return CheckOutcome(passed=False, advice=advice, metadata=numbers)


def _shown(reject: "OpenReject") -> dg.TableRecord:
    since = f"{reject.first_seen_at:%Y-%m-%d}"
    return dg.TableRecord({"id": reject.reject_id, "reason": reject.reason_code, "since": since})
