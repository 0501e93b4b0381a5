"""The names of those private modules of Dagster that the definitions do not load: they take 0.2 s of CPU time.

Only modules that are deferred (`lazy_imports`) may import this one. What each name is for:

- `BulkActionStatus`: the status of a backfill, to have it examined once more.
- `ScheduleInstigatorData`: since when a schedule is on.
- `SensorInstigatorData`: the cursor of a sensor.
- `InstigatorState`, `InstigatorStatus`, `InstigatorTick`, `TickStatus`: whether schedules and sensors are on, and how
  their last ticks ended; methods of `DagsterInstance` return them.
- `location_origins_from_yaml_paths`: the code location of workspace.yaml, for the origin of a run.
"""

from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
)
from dagster._core.workspace.load import location_origins_from_yaml_paths

__all__ = [
    "BulkActionStatus",
    "InstigatorState",
    "InstigatorStatus",
    "InstigatorTick",
    "ScheduleInstigatorData",
    "SensorInstigatorData",
    "TickStatus",
    "location_origins_from_yaml_paths",
]
