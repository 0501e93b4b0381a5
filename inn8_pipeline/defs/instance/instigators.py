"""The schedules and sensors that the daemon knows, by name, with their states."""

from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.instance.internals import InstigatorType

if TYPE_CHECKING:
    from inn8_pipeline.defs.instance.late_internals import InstigatorState


def schedules(instance: dg.DagsterInstance) -> dict[str, "InstigatorState"]:
    """Return the state of each schedule."""
    return _states(instance, InstigatorType.SCHEDULE)


def sensors(instance: dg.DagsterInstance) -> dict[str, "InstigatorState"]:
    """Return the state of each sensor."""
    return _states(instance, InstigatorType.SENSOR)


def _states(instance: dg.DagsterInstance, kind: InstigatorType) -> dict[str, "InstigatorState"]:
    return {each.name: each for each in instance.all_instigator_state(instigator_type=kind)}
