"""The merge: one landing into one table, in one transaction under one lock. `Merge.finish` tells it step after step.

    with open_merge(engine, landing, days, rules) as merge:
        if merge.needs_rows:
            stage each page, then each open reject that is tried again
        result = merge.finish()

Readers see all of it or none. Left by an error, it is rolled back and has changed nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from inn8_pipeline.entities import ReasonCode, Reject, Window
from inn8_pipeline.errors import ReconciliationError, TooManyRejectsError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import raw, transaction
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge import (
    deletions,
    drift,
    exclusions,
    reconciliation,
    rejects,
    staging,
    upsert,
    watermarks,
)
from inn8_pipeline.warehouse.merge.deletions import DeletionCounts, RemovalLimit
from inn8_pipeline.warehouse.merge.plan import MergePlan
from inn8_pipeline.warehouse.merge.results import SchemaDrift, Status, SyncResult
from inn8_pipeline.warehouse.merge.staging import MergeContext
from inn8_pipeline.warehouse.schema import migrations

if TYPE_CHECKING:
    import pandas as pd


NO_DRIFT = SchemaDrift()


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """More than `percent` of the records, of at least `minimum_records`, are not refused: the sync fails instead.

    Records of unknown parents do not count: they heal when the parent comes.
    """

    percent: int = 50
    minimum_records: int = 20

    def forbids(self, refused: int, records: int) -> bool:
        """Whether so many at once look like a changed contract rather than like faulty records."""
        return records >= self.minimum_records and refused * 100 > records * self.percent


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What one merge goes by.

    `history` is every day that INN8 may have transactions for; only a proof over all of them removes one.
    `may_repeat` lets an unchanged landing end the sync without a merge.
    """

    transform_version: int
    history: Window | None = None
    may_repeat: bool = True
    reject_limit: RejectLimit = field(default_factory=RejectLimit)
    removal_limit: RemovalLimit = field(default_factory=RemovalLimit)
    lock_seconds: float = 600.0


class Merge:
    """One merge under way, as `open_merge` lends it."""

    def __init__(self, scope: MergeContext, rules: MergeOptions) -> None:
        """Take the scope that `open_merge` made under the lock."""
        self._scope = scope
        self._rules = rules
        self._retried = 0
        self._skipped = 0
        self._older = 0
        self._repeats = None if scope.is_superseded else self._find_repeated()
        if self.needs_rows:
            staging.create(scope)

    @property
    def needs_rows(self) -> bool:
        """Whether there is anything to merge; where not, only `finish` is to be called."""
        return self._repeats is None and not self._scope.is_superseded and self._scope.landing.records > 0

    def _find_repeated(self) -> tuple[int, dict[str, Any]] | None:
        scope = self._scope
        whole = scope.landing.window is None or scope.days == frozenset(scope.landing.window.days())
        if not (self._rules.may_repeat and whole and not scope.is_late):
            return None
        found = watermarks.repeated(scope, self._rules.transform_version)
        if found is None or deletions.has_waiting(scope) or (scope.landing.records and rejects.has_orphans(scope)):
            return None
        return found

    def takes(self, day: date | None) -> bool:
        """Whether a record of this day is inside: in the days asked for, and not merged from a newer fetch since."""
        return self._scope.days is None or day in self._scope.days

    def stage(
        self,
        rows: "pd.DataFrame",
        refused: Sequence[Reject],
        skipped: int,
        dimensions: "Mapping[str, pd.DataFrame]",
    ) -> None:
        """Take what became of one page, or of one chunk of `retries`."""
        staging.stage(self._scope, rows, dimensions, refused)
        self._skipped += skipped

    def retries(self) -> Iterator[list[tuple[int, bytes]]]:
        """The open rejects to try again, once all pages are staged: chunks of (ordinal, payload), each to be staged."""
        staging.analyze(self._scope)
        rejects.withdraw(self._scope)
        for chunk in rejects.to_retry(self._scope):
            self._retried += len(chunk)
            yield chunk
        if self._retried:
            rejects.date_retried(self._scope)
            staging.analyze(self._scope)

    def finish(self, drift_found: SchemaDrift = NO_DRIFT) -> SyncResult:
        """Merge what is staged; the counts. Raises `TooManyRejectsError` and `ReconciliationError`, which undo it all.

        `surprises` are kept with the landing, so that a sync that repeats it tells them again.
        """
        if self._scope.is_superseded:
            return self._superseded()
        if not self._scope.landing.records:
            return self._no_data()
        if self._repeats is not None:
            return self._repeat(*self._repeats)
        return self._merge(drift_found)

    def _merge(self, drift_found: SchemaDrift) -> SyncResult:
        scope = self._scope
        dropped = self._settle()
        self._refuse_a_changed_contract()
        dimensions = {each.name: upsert.merge_dimension(scope, each) for each in scope.plan.dimensions}
        staging.analyze_grown_parents(scope)
        written = upsert.merge_rows(scope)
        is_all_written = written.total() == exclusions.count_winners(scope)
        observed = reconciliation.MergeObservations(
            written=written,
            unchanged=Counter() if is_all_written else upsert.count_unchanged(scope),
            dropped=dropped,
            skipped=self._skipped,
            retried=self._retried,
        )
        refused, resolved = rejects.keep(scope), rejects.resolve(scope)
        if refused or resolved or any(action == "updated" for action, _ in observed.written):
            watermarks.forget_repeats(scope)
        ledger = reconciliation.count(scope, observed)
        if ledger.whole.balance:
            raise ReconciliationError(entity=scope.landing.entity.name, counts=ledger.whole.as_dict())
        drift.note(scope, drift_found.properties)
        removed = self._remove(ledger, drift_found)
        return self._result(ledger, removed, dimensions, drift_found)

    def _settle(self) -> dict[date | None, int]:
        dropped = rejects.drop_older(self._scope)
        self._older = exclusions.set_aside_older(self._scope) + sum(dropped.values())
        exclusions.set_aside_orphans(self._scope)
        exclusions.set_aside_duplicates(self._scope)
        return dropped

    def _refuse_a_changed_contract(self) -> None:
        reasons = reconciliation.refused_by_reason(self._scope, is_sent=True)
        refused = sum(count for code, count in reasons.items() if code != ReasonCode.UNKNOWN_PARENT)
        records = self._scope.landing.records - self._skipped
        if self._rules.reject_limit.forbids(refused, records):
            raise TooManyRejectsError(self._scope.landing.entity.name, refused, records, reasons)

    def _remove(self, ledger: reconciliation.ReconciledCounts, drift_found: SchemaDrift) -> DeletionCounts:
        """Mark what is missing, let the landing count for its days, then give the second proofs."""
        scope, landing = self._scope, self._scope.landing
        is_proof = not landing.has_duplicates and not ledger.has_unreadable
        marked = deletions.mark(scope, self._rules.removal_limit) if is_proof else DeletionCounts()
        verdict = watermarks.LandingOutcome(
            status=reconciliation.status(scope, marked.held_back),
            counts=ledger.repeatable | {"told": ledger.whole.as_dict(), "surprises": asdict(drift_found)},
            is_proof=is_proof and not marked.held_back,
            is_held_back=bool(marked.held_back),
            is_repeatable=not marked.held_back and not self._older,
        )
        watermarks.advance(scope, verdict, self._rules.transform_version)
        return DeletionCounts(marked.missing, deletions.remove(scope), marked.held_back)

    def _result(
        self,
        ledger: reconciliation.ReconciledCounts,
        removed: DeletionCounts,
        dimensions: dict[str, dict[str, int]],
        drift_found: SchemaDrift,
    ) -> SyncResult:
        return SyncResult(
            status=reconciliation.status(self._scope, removed.held_back),
            counts=ledger.whole,
            by_day=ledger.by_day,
            rejected_by_reason=ledger.reasons,
            open_rejects=rejects.count_open(self._scope),
            missing=removed.missing,
            removed=removed.removed,
            held_back=removed.held_back,
            dimensions=dimensions,
            drift_found=drift_found,
        )

    def _repeat(self, repeated_id: int, counts: dict[str, Any]) -> SyncResult:
        """Nothing to merge: the repeated landing's counts, its written rows now unchanged.

        It counts as a later landing all the same, and may complete the second proof of a row elsewhere.
        """
        watermarks.confirm(self._scope, repeated_id)
        removed = deletions.remove(self._scope)
        whole, by_day, reasons = reconciliation.told_again(counts)
        drift_found = SchemaDrift.told_again(counts.get("surprises", {}))
        drift.note(self._scope, drift_found.properties)
        return SyncResult(
            status=reconciliation.status(self._scope, held_back=0),
            counts=whole,
            by_day=by_day,
            rejected_by_reason=reasons,
            open_rejects=rejects.count_open(self._scope),
            removed=removed,
            is_repeat=True,
            drift_found=drift_found,
        )

    def _superseded(self) -> SyncResult:
        """A fetch begun later has been merged for every day of this one: it changes nothing any more."""
        records = self._scope.landing.records
        return SyncResult(
            status=reconciliation.status(self._scope, held_back=0),
            counts=reconciliation.NOTHING.plus(fetched=records, skipped=records),
            open_rejects=rejects.count_open(self._scope),
        )

    def _no_data(self) -> SyncResult:
        """INN8 sent none: no row is touched. Where none was expected, that is known of these days from now on."""
        scope = self._scope
        if self._repeats is not None:
            watermarks.confirm(scope, self._repeats[0])
        elif not watermarks.has_rows(scope):
            verdict = watermarks.LandingOutcome(
                Status.NO_DATA, {}, is_proof=True, is_held_back=False, is_repeatable=True
            )
            watermarks.advance(scope, verdict, self._rules.transform_version)
        return SyncResult(status=Status.NO_DATA, counts=reconciliation.NOTHING, open_rejects=rejects.count_open(scope))


@contextmanager
def open_merge(
    engine: Engine,
    landing: Landing,
    days: frozenset[date] | None,
    rules: MergeOptions,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[Merge]:
    """Begin the transaction and take the lock of (tenant, entity); committed at the end, undone by any error.

    `days` are the days of the landing to write, None for clients and portfolios. Where another sync holds the lock,
    `on_wait` is called and the lock waited for, `SyncLockedError` after `rules.lock_seconds`.
    """
    with transaction(engine, f"merging {landing.entity}") as connection:
        migrations.check(connection)
        cursor = raw(connection).cursor()
        key = locks.entity(landing.tenant_id, landing.entity.name)
        locks.take(cursor, key, landing.entity.name, rules.lock_seconds, on_wait)
        newer = watermarks.newer_days(cursor, landing, days)
        scope = MergeContext(
            cursor=cursor,
            plan=MergePlan(landing.entity),
            landing=landing,
            days=None if days is None else days - newer,
            is_superseded=newer >= (days if days is not None else {None}),
            history=rules.history,
            is_late=watermarks.is_late(cursor, landing),
        )
        yield Merge(scope, rules)
