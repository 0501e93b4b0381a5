"""The sync log: one evaluation of the check `sync_log` per run and entity, and beside it one for each day of the run.

Here belongs what an evaluation says, for every end that a sync can have. The step that ends it logs it: the one that
merges when all went well, and whichever breaks off when not. What a killed process could not log, `sensors` adds.
"""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import dagster as dg

from inn8_pipeline.defs import metadata, names
from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.errors import DatabaseError, Inn8Error, ReconciliationError
from inn8_pipeline.settings import now

if TYPE_CHECKING:
    from inn8_pipeline.sync import Outcome
    from inn8_pipeline.warehouse.merge.results import Counts, Status

RETRY_WAITS_SECONDS = (5, 10)
"""Of a step whose connection to Postgres broke. INN8's own faults have been retried by the client already.

No RetryPolicy of Dagster's: it tries a canceled step again as well.
"""

FAILED = "Failed"

SPEC_DESCRIPTION = (
    "The sync log: did the last sync bring everything? Passed: Success. A warning: PartialSuccess (records were "
    "refused, see `inn8 rejects list`) or NoData (INN8 sent none, nothing was touched). An error: Failed, with the "
    "reason; or removals were held back."
)


def spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check, on an entity's table."""
    return dg.AssetCheckSpec(names.SYNC_LOG, asset=key, description=SPEC_DESCRIPTION)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: of a whole run, or of one day of it. `totals` are numbers of the whole run alone."""

    status: "Status | str"
    started_at: datetime
    counts: "Counts | None" = None
    description: str = ""
    is_error: bool = False
    totals: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether everything is in."""
        return self.status == "Success"

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """An error where the operator has to act."""
        is_error = self.is_error or self.status == FAILED
        return dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN

    @property
    def metadata(self) -> dict[str, Any]:
        """What the user's document asks of a log entry, and the counts of the reconciliation."""
        counts = self.counts.as_dict() if self.counts else {}
        told: dict[str, Any] = {
            "status": dg.MetadataValue.text(str(self.status)),
            "record_count": dg.MetadataValue.int(counts.get("fetched", 0)),
            "error_count": dg.MetadataValue.int(counts.get("rejected", 0)),
            "started_at": dg.MetadataValue.timestamp(self.started_at),
            "ended_at": dg.MetadataValue.timestamp(now()),
            "error_message": dg.MetadataValue.text(self.description if self.status == FAILED else ""),
        }
        return told | {name: dg.MetadataValue.int(count) for name, count in {**counts, **self.totals}.items()}

    def evaluation(self, key: dg.AssetKey, day: str | None = None) -> dg.AssetCheckEvaluation:
        """The entry as Dagster keeps it."""
        return dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=names.SYNC_LOG,
            passed=self.passed,
            severity=self.severity,
            description=f"{f'{day}: ' if day else ''}{self.status}. {self.description}".strip(),
            metadata=self.metadata,
            partition=day,
        )


def write(context: dg.AssetExecutionContext, key: dg.AssetKey, whole: Entry, by_day: Mapping[str, Entry]) -> None:
    """Log an entry for each day of the run, and last, so that it is the latest, the run's own."""
    for day, entry in by_day.items():
        context.log_event(entry.evaluation(key, day))
    context.log_event(whole.evaluation(key))


def entries(outcome: "Outcome", days: Iterable[str]) -> tuple[Entry, dict[str, Entry]]:
    """What a sync that ended leaves: the run's entry, and one for each of its days."""
    held_back = outcome.total("held_back")
    whole = Entry(
        outcome.status,
        outcome.started_at,
        outcome.counts,
        _describe(outcome),
        is_error=held_back > 0,
        totals={name: outcome.total(name) for name in metadata.TOTALS},
    )
    counts = {day.isoformat(): of_day for day, of_day in outcome.by_day.items()}
    return whole, {day: _day_entry(whole, counts.get(day)) for day in days}


def _day_entry(whole: Entry, counts: "Counts | None") -> Entry:
    """A day is a success where nothing of it was refused, also one without records in a run that has some."""
    if whole.status == "NoData" or whole.is_error:
        return Entry(whole.status, whole.started_at, counts, whole.description, whole.is_error)
    is_whole = counts is None or not counts.rejected
    return Entry("Success" if is_whole else "PartialSuccess", whole.started_at, counts)


def _describe(outcome: "Outcome") -> str:
    open_rejects = max((result.open_rejects for result in outcome.results), default=0)
    held_back = outcome.total("held_back")
    said = []
    if outcome.status == "NoData":
        said.append("INN8 sent no record at all. Nothing was touched; what was there is still there.")
    if open_rejects:
        said.append(f"{open_rejects} refused records are open; each sync tries them again. See `inn8 rejects list`.")
    if held_back:
        said.append(
            f"{held_back} rows are gone from INN8's answer, more than the bound for removals: none was marked. If it "
            "really removed them, rerun with allow_removals: true."
        )
    return " ".join(said)


class LogFailures:
    """Around a step's work: whatever breaks it off is logged as `Failed`, by the step's last attempt, and raised.

    What is raised carries our own message, or of an error that is not ours its kind and place alone: its text could
    hold the values of a record.
    """

    def __init__(self, context: dg.AssetExecutionContext, key: dg.AssetKey, days: Iterable[str] = ()) -> None:
        """For the log of the asset `key`, of each of the run's days if it has any."""
        self._context = context
        self._key = key
        self._days = tuple(days)
        self._started_at = now()

    def __enter__(self) -> Self:
        """Begin the step."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log and raise; nothing is swallowed."""
        if error is None:
            return
        if isinstance(error, DatabaseError) and self._context.retry_number < len(RETRY_WAITS_SECONDS):
            self._context.log.warning(str(error))
            wait = RETRY_WAITS_SECONDS[self._context.retry_number]
            raise dg.RetryRequested(max_retries=len(RETRY_WAITS_SECONDS), seconds_to_wait=wait) from None
        message = str(error) if isinstance(error, Inn8Error) else _place_of(error)
        if isinstance(error, ReconciliationError):
            outcome = check_rules.reconciliation_of(error.counts["fetched"], error.counts)
            for name in names.with_aliases(names.RECONCILIATION):
                self._context.log_event(outcome.evaluation(self._key, name))
        failed = Entry(FAILED, self._started_at, description=message)
        write(self._context, self._key, failed, dict.fromkeys(self._days, failed))
        if isinstance(error, Exception):
            raise dg.Failure(description=message, allow_retries=False) from None


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    if not isinstance(error, Exception):
        return "The run was ended from outside before the sync was through. Nothing of this step was written; rerun it."
    return (
        f"The step broke off with {type(error).__name__}{where}: a fault of the pipeline. Nothing of it was written. "
        "Its text is withheld, because it could hold a record's values; reproduce it with the landing, then rerun."
    )
