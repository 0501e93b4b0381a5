"""Merge one landing into its table, in one transaction under the lock of the tenant and the entity.

Readers see either all changes of the merge or none. An error rolls them back.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import ReasonCode
from inn8_pipeline.errors import ReconciliationError, TooManyRejectsError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import transaction
from inn8_pipeline.warehouse.history import trigger_settings
from inn8_pipeline.warehouse.landing import clock_skew
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge import drift, reconciliation, watermarks
from inn8_pipeline.warehouse.merge.absence import absent_rows, deletions
from inn8_pipeline.warehouse.merge.absence.absent_rows import Absence
from inn8_pipeline.warehouse.merge.changes import change_limit, changed_columns, same_records
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.plan import MergePlan
from inn8_pipeline.warehouse.merge.reconciliation import MergeObservations, ReconciledCounts
from inn8_pipeline.warehouse.merge.records import reading, staging
from inn8_pipeline.warehouse.merge.records.reading import Read
from inn8_pipeline.warehouse.merge.records.record_source import RecordSource
from inn8_pipeline.warehouse.merge.rejects import exclusions, open_rejects, visibility
from inn8_pipeline.warehouse.merge.results import (
    NO_COUNTS,
    Status,
    StatusFacts,
    StoredCounts,
    SyncResult,
    status_of,
    sync_command,
)
from inn8_pipeline.warehouse.merge.rows import first_load, upsert
from inn8_pipeline.warehouse.merge.watermarks import LandingOutcome, RepeatedLanding
from inn8_pipeline.warehouse.schema import migrations


def merge_landing(  # noqa: PLR0913 (a landing, where it goes, and how)
    engine: Engine,
    landing: Landing,
    days: frozenset[date] | None,
    options: MergeOptions,
    open_source: Callable[[], RecordSource],
    *,
    on_wait: Callable[[], None] = lambda: None,
    on_merged: Callable[[Connection, SyncResult], None] = lambda _connection, _result: None,
) -> SyncResult:
    """Merge a landing into its table; return the counts of its records and the status.

    Args:
        engine: The warehouse.
        landing: A complete landing.
        days: The days of the landing to write; None for entities without days.
        options: The options of this merge.
        open_source: A function that opens the landing's records. It is called only if there is something to merge.
        on_wait: A function that is called once before the wait, if another sync holds the lock.
        on_merged: A function that is called at the end of the transaction and can write in it. A dry run rolls that
            back too.

    Raises:
        FutureLandingError: A landing of the entity began in the future.
        SyncLockedError: Another sync held the lock for longer than `options.lock_seconds`.
        TooManyRejectsError: More records were rejected than `options.reject_limit` allows.
        MassChangeError: A column would have changed in more rows than `options.change_limit` allows.
        ReconciliationError: The counts do not add up.

    """
    with transaction(engine, f"merging {landing.entity}") as connection:
        migrations.check(connection)
        key = locks.entity(landing.tenant_id, landing.entity.name)
        locks.take(connection, key, landing.entity.name, options.lock_seconds, on_wait)
        clock_skew.check(connection, landing.tenant_id, landing.entity)
        result = _result(_context(connection, landing, days, options), options, open_source)
        on_merged(connection, result)
        if options.is_dry_run:
            connection.rollback()
        return result


def _result(context: MergeContext, options: MergeOptions, open_source: Callable[[], RecordSource]) -> SyncResult:
    """Merge the landing, unless it is superseded, repeats a merged one, or has no records."""
    if context.is_superseded:
        return _superseded(context)
    repeated = _find_repeated(context, options)
    if repeated is not None:
        return _repeat(context, options, repeated)
    landing = context.landing
    if not landing.records and not (landing.entity.has_days and watermarks.has_rows(context)):
        return _no_data(context, options)
    return _merge(context, options, open_source)


def _context(
    connection: Connection, landing: Landing, days: frozenset[date] | None, options: MergeOptions
) -> MergeContext:
    newer = watermarks.newer_days(connection, landing, days)
    return MergeContext(
        connection=connection,
        plan=MergePlan(landing.entity),
        landing=landing,
        days=None if days is None else days - newer,
        full_window=options.full_window,
        is_late=watermarks.is_late(connection, landing),
        is_superseded=newer >= (days if days is not None else {None}),
        transform_version=options.transform_version,
    )


def _find_repeated(context: MergeContext, options: MergeOptions) -> RepeatedLanding | None:
    window = context.landing.window
    is_whole = window is None or context.days == frozenset(window.days())
    if not (options.may_repeat and is_whole and not context.is_late):
        return None
    found = watermarks.find_repeated(context, options.transform_version)
    if (
        found is None
        or deletions.has_waiting(context)
        or (context.landing.records and open_rejects.is_any_parent_known(context))
        or (not context.landing.records and open_rejects.has_covered(context))
    ):
        return None
    return found


def _merge(context: MergeContext, options: MergeOptions, open_source: Callable[[], RecordSource]) -> SyncResult:
    may_skip_same = options.may_repeat and options.may_skip_same
    source = reading.opened(context, open_source, may_skip_same=may_skip_same)
    read = reading.stage(context, source, options.removal_limit)
    dropped, older = _exclude(context)
    _refuse_a_changed_contract(context, options, read)
    change_limit.check(context, options.change_limit, options.transform_version)
    context = _with_change_time(context, options)
    dimensions = {each.name: upsert.merge_dimension(context, each) for each in context.plan.dimensions}
    staging.analyze_grown_parents(context)
    repaired = upsert.count_damaged(context)
    observed = _write(context, read, dropped)
    counted = _reconcile(context, observed)
    drift.note(context, read.drift_found.properties)
    found = absent_rows.find(context, options.removal_limit, source, has_skipped=read.skipped > 0)
    result = SyncResult(
        status=Status.SUCCESS,
        counts=counted.whole,
        by_day=counted.by_day,
        rejected_by_reason=counted.reasons,
        missing=deletions.mark_missing(context),
        held_back=found.held_back,
        repaired=repaired,
        older=older,
        sent_again=counted.repeated()[0].duplicate,
        dimensions=dimensions,
        drift_found=read.drift_found,
    )
    absent_rows.store_unconfirmed(context)
    result = _with_status(context, result)
    watermarks.advance(context, _outcome(counted, found, result), options.transform_version)
    result = replace(result, removed=deletions.remove(context))
    return replace(result, changed_columns=changed_columns.count(context), merged_at=context.merged_at)


def _with_change_time(context: MergeContext, options: MergeOptions) -> MergeContext:
    """Set from when the changes that follow are valid.

    Call it as late as possible, so that the changes of parents that were merged meanwhile are valid from before.
    """
    times = trigger_settings.set_for_merge(context.connection, context.landing, options.run_id)
    return replace(context, changed_at=times.changed_at, merged_at=times.merged_at)


def _with_status(context: MergeContext, result: SyncResult) -> SyncResult:
    """Return the result with the current open rejects and unconfirmed rows, and with its status."""
    still_open, unconfirmed = open_rejects.count_open(context), absent_rows.unconfirmed(context)
    facts = StatusFacts(
        open_rejects=still_open,
        held_back=result.held_back,
        unconfirmed=sum(each.rows for each in unconfirmed),
        proves_absence=context.landing.proves_absence,
        older=result.older,
        sent_again=result.sent_again,
    )
    status = status_of(result.counts, facts)
    return replace(result, status=status, open_rejects=still_open, unconfirmed=unconfirmed)


def _outcome(counted: ReconciledCounts, found: Absence, result: SyncResult) -> LandingOutcome:
    unchanged, by_day = counted.repeated()
    return LandingOutcome(
        status=result.status,
        counts=StoredCounts(counted.whole, unchanged, by_day, counted.reasons, result.drift_found),
        absence_counts=found.absence_counts,
        is_held_back=bool(found.held_back),
        is_repeatable=not found.held_back and not result.older,
        unreadable_since=found.unreadable_since,
    )


def _exclude(context: MergeContext) -> tuple[dict[date | None, int], int]:
    """Exclude rows from the merge; return the dropped rejects by day, and the number of all older records."""
    dropped = open_rejects.drop_older(context)
    older = exclusions.exclude_older(context) + sum(dropped.values())
    exclusions.exclude_orphans(context)
    exclusions.exclude_duplicates(context)
    return dropped, older


def _refuse_a_changed_contract(context: MergeContext, options: MergeOptions, read: Read) -> None:
    reasons = reconciliation.rejected_by_reason(context, is_sent=True)
    rejected = sum(count for code, count in reasons.items() if code != ReasonCode.UNKNOWN_PARENT)
    records = context.landing.records - read.skipped
    if options.reject_limit.forbids(rejected, records):
        rerun = sync_command(context.landing, "--allow-rejects")
        raise TooManyRejectsError(context.entity.name, rejected, records, reasons, rerun)


def _write(context: MergeContext, read: Read, dropped: dict[date | None, int]) -> MergeObservations:
    with first_load.prepared(context):
        written = upsert.merge_rows(context)
    is_all_written = written.total() == exclusions.count_merged(context)
    unchanged = Counter() if is_all_written else upsert.count_unchanged(context)
    unchanged.update(same_records.count_unchanged(context))
    return MergeObservations(
        written=written,
        unchanged=unchanged,
        dropped=dropped,
        skipped=read.skipped,
        retried=read.retried,
    )


def _reconcile(context: MergeContext, observed: MergeObservations) -> ReconciledCounts:
    """Store and resolve rejects, update hidden rows, and raise `ReconciliationError` if the counts do not add up."""
    stored, resolved = open_rejects.store(context), open_rejects.resolve(context)
    visibility.update_hidden(context)
    if stored or resolved or any(action == "updated" for action, _ in observed.written):
        watermarks.forget_repeats(context)
    counted = reconciliation.count(context, observed)
    if counted.whole.balance:
        raise ReconciliationError(entity=context.entity.name, counts=counted.whole.as_dict())
    return counted


def _repeat(context: MergeContext, options: MergeOptions, repeated: RepeatedLanding) -> SyncResult:
    """Merge nothing, because the pages are the same; return the counts of the repeated landing.

    The rows that it wrote are counted as unchanged. This landing still counts as a later fetch. It may be
    the second one that lacks a row of another day.
    """
    context = _with_change_time(context, options)
    watermarks.confirm(context, repeated)
    stored = repeated.counts
    drift.note(context, stored.drift.properties)
    result = SyncResult(
        status=Status.SUCCESS,
        counts=stored.unchanged,
        by_day=stored.by_day,
        rejected_by_reason=stored.reasons,
        removed=deletions.remove(context),
        sent_again=stored.unchanged.duplicate,
        is_repeat=context.landing.records > 0,
        drift_found=stored.drift,
    )
    return _with_status(context, replace(result, changed_columns=changed_columns.count(context)))


def _superseded(context: MergeContext) -> SyncResult:
    """Count all records as skipped, because later fetches were merged for every day of this one."""
    records = context.landing.records
    counts = NO_COUNTS.plus(fetched=records, skipped=records)
    return _with_status(context, SyncResult(status=Status.SUCCESS, counts=counts, older=records))


def _no_data(context: MergeContext, options: MergeOptions) -> SyncResult:
    """Change no row, because INN8 sent no record.

    If the table has no rows of these days either, the watermarks advance, and open rejects of these days are withdrawn.
    """
    if not watermarks.has_rows(context):
        open_rejects.withdraw_all(context)
        outcome = LandingOutcome(
            Status.NO_DATA, StoredCounts(), absence_counts=True, is_held_back=False, is_repeatable=True
        )
        watermarks.advance(context, outcome, options.transform_version)
    return _with_status(context, SyncResult(status=Status.NO_DATA, counts=NO_COUNTS))
