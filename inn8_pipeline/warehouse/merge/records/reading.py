"""Read the records of a landing: leave out those that are the same as their rows, decode and stage all others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from inn8_pipeline.warehouse.merge import drift, watermarks
from inn8_pipeline.warehouse.merge.absence import absent_rows
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.changes import same_records
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.records import staging
from inn8_pipeline.warehouse.merge.records.record_source import RecordSource
from inn8_pipeline.warehouse.merge.rejects import open_rejects
from inn8_pipeline.warehouse.merge.results import SchemaDrift


@dataclass(frozen=True, slots=True)
class Read:
    """The result of reading the source: records skipped before staging, rejects retried, and the drift."""

    skipped: int
    retried: int
    drift_found: SchemaDrift


def opened(context: MergeContext, open_source: Callable[[], RecordSource], *, may_skip_same: bool) -> RecordSource:
    """Open the source while Postgres looks for the records that are the same; let it yield all others.

    The source imports pandas, which takes a second.
    """
    same_records.create(context)
    has_same = may_skip_same and not context.is_late and not watermarks.was_merged(context)
    with ThreadPoolExecutor(max_workers=1) as executor:
        opening = executor.submit(open_source)
        others = same_records.find(context) if has_same else None
        source = opening.result()
    if others is not None:
        source.choose(others)
    return source


def stage(context: MergeContext, source: RecordSource, removal_limit: RemovalLimit) -> Read:
    """Stage the landing's records, then the open rejects that it does not have."""
    staging.create(context)
    skipped = same_records.count_skipped(context) + _stage_batches(context, source)
    skipped += _stage_same_ids(context, source)
    staging.analyze(context)
    retried = 0
    if context.landing.records:
        open_rejects.withdraw(context)
    elif removal_limit.is_overridden or absent_rows.is_empty_proven(context):
        open_rejects.withdraw_all(context)
    for ordinals, payloads in open_rejects.to_retry(context):
        staging.stage(context, source.again(payloads, ordinals))
        retried += len(ordinals)
    if retried:
        skipped += _stage_same_ids(context, source)
        open_rejects.date_retried(context)
        staging.analyze(context)
    found = source.drift_found()
    if same_records.are_any(context):
        found = found.plus(SchemaDrift(properties=drift.of_last_merge(context)))
    return Read(skipped, retried, found)


def _stage_batches(context: MergeContext, source: RecordSource) -> int:
    """Stage the records that the source yields; return how many it skipped."""
    skipped = 0
    for batch in source.batches(context.is_wanted):
        staging.stage(context, batch)
        skipped += batch.skipped
    return skipped


def _stage_same_ids(context: MergeContext, source: RecordSource) -> int:
    """Stage the records that are the same, but whose id was staged by now; return by how many more are skipped."""
    skipped = 0
    while (with_others := same_records.choose_staged(context, source)) is not None:
        skipped += _stage_batches(context, source) - with_others
    return skipped
