"""Errors of a sync that its landings, its locks or its counts do not allow. None of them writes a row."""

from dataclasses import dataclass

from inn8_pipeline.errors.warehouse import WarehouseError


@dataclass(eq=False)
class SyncLockedError(WarehouseError):
    """Another sync held a lock for longer than the bound. `entity` is its entity, or "this tenant" for any of them."""

    entity: str
    waited_seconds: float

    def __str__(self) -> str:
        """Return what was waited for and for how long, and what to do."""
        return (
            f"Another sync of {self.entity} was still in progress after {self.waited_seconds:.0f} s. No row was "
            "written or changed. Look at the running syncs in the Dagster UI, and rerun when they have ended."
        )


@dataclass(eq=False)
class FutureLandingError(WarehouseError):
    """A landing began in the future: the database's clock was ahead then, or is behind now."""

    entity: str
    ahead_seconds: float

    def __str__(self) -> str:
        """Return how far in the future, what it means, and what to do in each case."""
        hours, minutes = divmod(int(self.ahead_seconds) // 60, 60)
        return (
            f"The last fetch of {self.entity} began {hours} h {minutes} min in the future: the database's clock was "
            "ahead then, or is behind now. Nothing was fetched or written, because newer data would count as older. "
            "Check the clock (`select now()`); if it is correct, run `inn8 db heal-clock`, then rerun."
        )


@dataclass(eq=False)
class LandingMissingError(WarehouseError):
    """No complete landing has what is to be merged or rebuilt."""

    entity: str
    wanted: str

    def __str__(self) -> str:
        """Return what is missing, and the command that fetches it."""
        return (
            f"There is no complete landing of {self.entity} for {self.wanted}. Nothing was written. "
            f"Materialize raw_{self.entity} first (or run `inn8 sync {self.entity}`)."
        )


@dataclass(eq=False)
class TooManyRejectsError(WarehouseError):
    """More records would be rejected than the bound allows.

    `reasons` counts them by reason code. `rerun` is the command that rejects them anyway, once.
    """

    entity: str
    rejected: int
    records: int
    reasons: dict[str, int]
    rerun: str

    def __str__(self) -> str:
        """Return how many by reason, the probable cause, and what to do."""
        reasons = ", ".join(f"{code} {count}" for code, count in sorted(self.reasons.items()))
        return (
            f"{self.rejected} of {self.records} {self.entity} would have been rejected ({reasons}): INN8 has "
            "probably changed what it sends. Nothing was written. Compare what INN8 sends with the declaration of the "
            f"entity; if the records really are invalid, reject them once with `{self.rerun}` (in the launchpad: "
            "allow_rejects: true)."
        )


@dataclass(eq=False)
class MassChangeError(WarehouseError):
    """A column would change, or lose its values, in more rows at once than the bound allows.

    `findings` says what would happen to each such column. `rerun` is the command that allows it once.
    """

    entity: str
    findings: dict[str, str]
    rerun: str

    def __str__(self) -> str:
        """Return the columns with their counts, the probable cause, and how to allow the change."""
        findings = "; ".join(f"{column} {finding}" for column, finding in self.findings.items())
        return (
            f"The sync of {self.entity} would have changed too many rows at once: {findings}. INN8 has probably "
            "changed what it sends. Nothing was written; the rows are as they were. If the change is right, allow it "
            f"once with `{self.rerun}` (in the launchpad: allow_changes: true); if not, report it to INN8. The bound "
            "is INN8_MAX_CHANGED_PERCENT."
        )


@dataclass(eq=False)
class ReconciliationError(WarehouseError):
    """`fetched + retried = inserted + updated + unchanged + duplicate + rejected + skipped` does not hold."""

    entity: str
    counts: dict[str, int]

    def __str__(self) -> str:
        """Return all counts, and that nothing was written."""
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return (
            f"The counts of {self.entity} do not add up ({counts}). Everything was rolled back. "
            "This is a bug of the pipeline: keep the landing, and report it with these counts."
        )
