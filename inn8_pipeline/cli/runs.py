"""Runs of Dagster's in this process: what a sync covers, as runs; one run executed; what its log says.

In this process, because a run costs two seconds there and four and a queue elsewhere. The run is stored like any other.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inn8_pipeline.cli.history import UNLOGGED, Entry, of_metadata
from inn8_pipeline.cli.instance import storage_guarded
from inn8_pipeline.entities import Entity, Window

if TYPE_CHECKING:
    from dagster import AssetCheckEvaluation, DagsterInstance, Definitions


@dataclass(frozen=True, slots=True)
class Step:
    """One run: an entity, and for transactions its days."""

    entity: Entity
    window: Window | None = None

    @property
    def weight(self) -> int:
        """Its share of the progress: days, where there are any."""
        return len(list(self.window.days())) if self.window else 1

    def __str__(self) -> str:
        """For the progress display."""
        return f"{self.entity} {self.window}" if self.window else str(self.entity)


def plan(entities: Sequence[Entity], window: Window) -> list[Step]:
    """The runs of these entities in the order in which they need each other; days newest first, in pieces."""
    from inn8_pipeline.defs.schedules import chunks

    wanted = [entity for entity in Entity if entity in entities]
    steps = [Step(entity) for entity in wanted if entity is not Entity.TRANSACTIONS]
    if Entity.TRANSACTIONS in wanted:
        steps += [Step(Entity.TRANSACTIONS, piece) for piece in chunks(window)]
    return steps


def load_definitions() -> "Definitions":
    """The definitions, of the settings as they are now."""
    from inn8_pipeline.definitions import defs

    return defs()


def execute(definitions: "Definitions", instance: "DagsterInstance", step: Step, *, verbose: bool = False) -> Entry:
    """Run one step to its end, and return its entry of the log.

    Raises DagsterStorageError where the run cannot be stored. SIGINT and SIGTERM end it as `Failed`.
    """
    from inn8_pipeline.defs import names
    from inn8_pipeline.defs.schedules import range_tags

    job = definitions.resolve_job_def(names.job_name(step.entity))
    with storage_guarded(), ended_by_signals():
        result = job.execute_in_process(
            instance=instance,
            tags={**job.run_tags, **(range_tags(step.window) if step.window else {})},
            run_config={} if verbose else _QUIET,
            raise_on_error=False,
        )
    return _logged(step.entity, result.run_id, result.get_asset_check_evaluations())


_QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _logged(entity: Entity, run_id: str, evaluations: "Sequence[AssetCheckEvaluation]") -> Entry:
    """The run's own entry: the last one that is for no single day."""
    from inn8_pipeline.defs import names

    for each in reversed(evaluations):
        if each.check_name == names.SYNC_LOG and each.partition is None:
            return of_metadata(str(entity), run_id, each.description, each.metadata)
    return Entry(str(entity), run_id, "Failed", error_message=UNLOGGED)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within: SIGTERM ends the run as Ctrl-C does. Dagster gives it SIGINT's handler, which may be to ignore it."""
    before = (
        signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.signal(signal.SIGTERM, signal.default_int_handler),
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
