"""Write sync log entries as evaluations of the check `sync_log`: one per run, and one per day of the run.

The step that ends a sync writes them: the merge if it succeeds, or whichever step fails (`failures`). `killed_runs`
adds the entries that a killed process could not write.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Counts, Status, sync_command
from inn8_pipeline.warehouse.sync_log.entry import OPEN_REJECTS, SyncLogEntry

if TYPE_CHECKING:
    from inn8_pipeline.sync import Outcome

SPEC_DESCRIPTION = (
    "The sync log: how the last sync ended. Passed: Success. Warning: PartialSuccess (records were rejected, see "
    "`inn8 rejects list`) or NoData (INN8 sent no record of the days of the sync). Error: Failed, with the reason; or "
    "removals were held back."
)


def spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """Return the check of an entity's table whose history is the entity's sync log."""
    return dg.AssetCheckSpec(names.SYNC_LOG, asset=key, description=SPEC_DESCRIPTION)


def output(key: dg.AssetKey) -> dg.Output[None]:
    """Return the check's output, which a step that has written its entry yields.

    Without it, Dagster logs that the step "did not yield or return expected outputs": it counts only yielded outputs,
    and the entries are logged as events.
    """
    return dg.Output(None, spec(key).get_python_identifier())


def evaluation(entry: SyncLogEntry, key: dg.AssetKey, day: str | None = None) -> dg.AssetCheckEvaluation:
    """Return the entry of a run, or of one of its days, as the evaluation that Dagster stores."""
    metadata = {
        name: dg.MetadataValue.timestamp(value) if isinstance(value, datetime) else value
        for name, value in (entry.to_metadata_of_day() if day else entry.to_metadata()).items()
    }
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=names.SYNC_LOG,
        passed=entry.status is Status.SUCCESS,
        severity=dg.AssetCheckSeverity.ERROR if entry.is_error else dg.AssetCheckSeverity.WARN,
        description=f"{day}: {entry.text}" if day else entry.text,
        metadata=metadata,
        partition=day,
    )


def entry_of(stored: dg.AssetCheckEvaluation) -> SyncLogEntry:
    """Return the entry that an evaluation of a whole run holds."""
    values = {name: each.value for name, each in stored.metadata.items()}
    is_error = not stored.passed and stored.severity is dg.AssetCheckSeverity.ERROR
    return SyncLogEntry.from_metadata(values, stored.description, is_error=is_error)


def write(
    context: dg.AssetExecutionContext, key: dg.AssetKey, whole: SyncLogEntry, by_day: Mapping[str, SyncLogEntry]
) -> None:
    """Write an entry for each day of the run, then that of the run, which is thus the latest."""
    for day, entry in by_day.items():
        context.log_event(evaluation(entry, key, day))
    context.log_event(evaluation(whole, key))


def of_outcome(
    outcome: "Outcome", days: Iterable[str], run_id: str, began_at: datetime
) -> tuple[SyncLogEntry, dict[str, SyncLogEntry]]:
    """Return the entry of a merged sync, and one for each of its days.

    Args:
        outcome: The outcome of the merge.
        days: The run's days of trade; empty if the entity has none.
        run_id: The run that merged. A landing of another run was fetched earlier and merged again by a rebuild, so the
            start of its fetch is not the start of this sync.
        began_at: When the step that merged began.

    """
    held_back = outcome.total("held_back")
    fetches = [landing.started_at for landing in outcome.landings if landing.run_id == run_id]
    whole = SyncLogEntry(
        status=outcome.status,
        started_at=min(fetches, default=began_at),
        ended_at=now(),
        counts=outcome.counts,
        totals=outcome.totals,
        description=_describe(outcome),
        needs_action=held_back > 0,
    )
    counts = {day.isoformat(): of_day for day, of_day in outcome.by_day.items()}
    concerns_all = bool(outcome.unconfirmed or outcome.total("older") or not _proves_absence(outcome))
    names = ("rejected", "duplicate") if outcome.total("sent_again") else ("rejected",)
    return whole, {day: _day_entry(whole, counts.get(day), names, concerns_all=concerns_all) for day in days}


def _day_entry(whole: SyncLogEntry, counts: Counts | None, names: Iterable[str], *, concerns_all: bool) -> SyncLogEntry:
    """Return a day's entry: Success if none of these counts has any of its records, even if it has no records.

    Unconfirmed rows, pages that overlap or may not be all, removals that were held back, and no data at all concern the
    whole run and therefore every day.
    """
    if whole.status is Status.NO_DATA or whole.needs_action or concerns_all:
        return SyncLogEntry(
            whole.status, whole.started_at, whole.ended_at, counts,
            description=whole.description, needs_action=whole.needs_action,
        )  # fmt: skip
    is_open = counts is not None and any(getattr(counts, name) for name in names)
    status = Status.PARTIAL_SUCCESS if is_open else Status.SUCCESS
    return SyncLogEntry(status, whole.started_at, whole.ended_at, counts)


def _describe(outcome: "Outcome") -> str:
    open_rejects = max((result.open_rejects for result in outcome.results), default=0)
    held_back = outcome.total("held_back")
    sentences = []
    if outcome.status is Status.NO_DATA:
        sentences.append(_no_data(outcome))
    if open_rejects:
        sentences.append(f"{open_rejects} {OPEN_REJECTS}; each sync tries them again (`inn8 rejects list`).")
    if older := outcome.total("older"):
        sentences.append(
            f"{older} records were skipped, because a fetch that began later was already merged: the table is newer. "
            "If this happens again, check whether a second scheduler syncs this tenant."
        )
    if repaired := outcome.total("repaired"):
        sentences.append(
            f"{repaired} rows differed from the records that they were made from: somebody had changed them by hand. "
            "They were repaired from what INN8 sends; the history has the other versions."
        )
    if unproven := next((each for each in outcome.landings if each.unproven_end), None):
        sentences.append(
            f"Page 1 of {unproven.entity} {unproven.unproven_end}. What came is written, and no row was marked as "
            'missing. If INN8 sends each collection in one response, set `paging.style = "single"` in the contract '
            "file; if not, `inn8 probe --write contract.toml` finds how it pages."
        )
    if any(each.has_duplicates for each in outcome.landings):
        sentences.append(
            "INN8 sent some ids on more than one page, the same ones in two fetches. The rows are up to date, but none "
            "was marked as missing, because overlapping pages may omit other records. Report it to INN8."
        )
    if sent_again := outcome.total("sent_again"):
        sentences.append(
            f"{sent_again} records have the id of another record of the same fetch. Of each id, the last valid record "
            "was written. Ask INN8 which record is right."
        )
    if held_back:
        sentences.append(
            f"INN8 no longer sends {held_back} rows, more than INN8_MAX_REMOVED_PERCENT: the removals were held back, "
            f"and no row was marked as missing. Ask INN8; if it has removed them, run `{_removal_command(outcome)}` "
            "(in the launchpad: allow_removals: true)."
        )
    sentences += [_UNCONFIRMED[each.reason].format(each) for each in outcome.unconfirmed if each.reason in _UNCONFIRMED]
    return " ".join(sentences)


_NOT_SENT = (
    "{0.rows} rows were not sent, the first since {0.since:%Y-%m-%d %H:%M} UTC. They are not marked as missing: "
)
_UNCONFIRMED = {
    "unreadable": _NOT_SENT
    + "a rejected record without a readable id may be one of them. Ask INN8 to correct it (`inn8 rejects list`), or "
    "accept it if it is none of them.",
    "duplicates": _NOT_SENT + "pages overlapped.",
    "unproven_end": _NOT_SENT + "the page may not be the last one.",
    "empty": (
        "INN8 has sent nothing for days that have {0.rows} rows, since {0.since:%Y-%m-%d %H:%M} UTC. The rows are "
        "marked as missing if that is still so after INN8 has sent other records."
    ),
    "other_day": (
        "{0.rows} rows are sent with a day of trade that was not requested, since {0.since:%Y-%m-%d %H:%M} UTC. They "
        "keep their previous values until that day is synced (`inn8 sync transactions --full`; a future day is "
        "synced when it comes)."
    ),
}
"""Sentences by reason; `held_back` has its own sentence in `_describe`."""


def _proves_absence(outcome: "Outcome") -> bool:
    return all(landing.proves_absence for landing in outcome.landings)


def _no_data(outcome: "Outcome") -> str:
    if outcome.counts.fetched:
        return f"None of the {outcome.counts.fetched} records that INN8 sent is of the days that were requested."
    made = outcome.counts.inserted + outcome.counts.updated
    if not (made or outcome.total("missing") or outcome.total("removed")):
        return "INN8 sent no records. All rows keep their values, and none was marked as missing."
    return (
        f"INN8 sent no records. {outcome.total('missing')} rows were marked as missing and "
        f"{outcome.total('removed')} as removed; {made} were written from rejects that were tried again."
    )


def _removal_command(outcome: "Outcome") -> str:
    pairs = zip(outcome.landings, outcome.results, strict=True)
    return next(sync_command(landing, "--allow-removals") for landing, result in pairs if result.held_back)
