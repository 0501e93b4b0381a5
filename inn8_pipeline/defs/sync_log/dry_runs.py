"""Dry runs: a sync whose merge is rolled back. Its sync log entry is an observation of the asset, and nothing else.

No row of `inn8.sync_log`, no evaluation of a check and no materialization of a table comes from a dry run.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.defs.sync_log import dagster_log
from inn8_pipeline.warehouse.sync_log.entry import SyncLogEntry

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from inn8_pipeline.warehouse.landing.store import Landing

OPTION, KEEPS_LANDING = "dry_run", "keep_landing"
TITLE = "Dry run, nothing was written"

ReadChanges = Callable[["Connection", "Landing", str], None]
"""Reads what the transaction of a merge has changed, with its landing and the id of the run."""

_reader: ContextVar[ReadChanges | None] = ContextVar("reader", default=None)


@contextmanager
def previewed(read: ReadChanges) -> Iterator[None]:
    """Let `read` be called before each merge of a dry run within the block is rolled back.

    The changes are personal data, so they never pass through Dagster: the command line, whose process executes the run,
    reads them itself.
    """
    token = _reader.set(read)
    try:
        yield
    finally:
        _reader.reset(token)


def reader_of(run_id: str) -> Callable[["Connection", "Landing"], None]:
    """Return a function for the end of each merge's transaction: it calls the one that `previewed` has set, if any."""
    read = _reader.get()
    return lambda connection, landing: read(connection, landing, run_id) if read else None


def is_dry(run: dg.DagsterRun) -> bool:
    """Return True if any step of the run is configured as a dry run: then no step of the run writes."""
    return any(config.get(OPTION) is True for config in _op_configs(run))


def keeps_landing(run: dg.DagsterRun) -> bool:
    """Return whether the run's configuration asks to keep the landing of a dry run."""
    return any(config.get(KEEPS_LANDING) is True for config in _op_configs(run))


def _op_configs(run: dg.DagsterRun) -> Iterator[Mapping[str, Any]]:
    """Yield the configuration of each op; anyone can launch a run with any configuration."""
    ops = run.run_config.get("ops", {})
    for op in ops.values() if isinstance(ops, Mapping) else ():
        config = op.get("config") if isinstance(op, Mapping) else None
        if isinstance(config, Mapping):
            yield config


def log(
    context: dg.AssetExecutionContext, key: dg.AssetKey, entry: SyncLogEntry, changed: Mapping[str, Mapping[str, int]]
) -> None:
    """Log the entry that the sync would have, and by table and column in how many rows each column would change."""
    evaluation = dagster_log.evaluation(entry, key)
    context.log_event(
        dg.AssetObservation(
            asset_key=key,
            description=f"{TITLE}. Its sync log entry would be: {entry.text}",
            metadata={
                **evaluation.metadata,
                OPTION: True,
                "entry": entry.text,
                "is_error": entry.is_error,
                "changed_columns": dg.MetadataValue.json(changed),
            },
        )
    )


def entry_of(instance: dg.DagsterInstance, run: dg.DagsterRun, key: dg.AssetKey) -> SyncLogEntry | None:
    """Return the entry that a dry run has logged; None if the run ended before that."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION).records
    for record in records:
        observed = record.event_log_entry.asset_observation
        if observed is not None and observed.asset_key == key and OPTION in observed.metadata:
            values = {name: each.value for name, each in observed.metadata.items()}
            return SyncLogEntry.from_metadata(values, str(values["entry"]), is_error=values["is_error"] is True)
    return None
