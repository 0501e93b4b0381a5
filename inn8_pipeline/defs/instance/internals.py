"""The names that this project takes from Dagster's private modules (`dagster._…`).

Dagster gives no guarantee for them: if an upgrade breaks an import, it breaks in this module, or in one of three that
the definitions do not load: `late_internals`, `defs.worker` (steps on Celery) and `storage_pruning` (the tables of the
event log). What each name is for:

- `AssetCheckEvaluationPlanned`: the sync log entries that a run had planned, to add those that a killed run did not
write.
- `AssetCheckExecutionRecord`, `PartitionKeyFilter`: the sync log is the history of a check. The storage returns these
  records, and the filter leaves out the evaluations of single days.
- `CheckError`: one of the errors that Dagster raises for a dagster.yaml that cannot be loaded.
- `BACKFILL_ID_TAG`: the backfill of a run, to have it examined once more.
- `StepMaterializationData`: the materialization that a killed run had planned, committed and not stored.
- `InMemoryJob`, `execute_run`: execute a run that is already stored, so that its log can be found by its id whatever
  happens. `JobDefinition.execute_in_process` creates the run itself, without tags and origin.
- `PoolGranularity`: whether whole runs hold a pool, or single steps.
- `RemoteJobOrigin`, `RemoteRepositoryOrigin`, `SINGLETON_REPOSITORY_NAME`: the origin of a run, without which the UI
  offers no re-execution of a run that the command line created.
- `InstigatorType`: whether a schedule or a sensor is asked for.
- `schedule_execution_time_iterator`: when a schedule should have ticked, computed as Dagster does it.
- `DagsterExecutionInterruptedError`: raised to end a run as canceled.
- `UnresolvedAssetJobDefinition`: what `define_asset_job` returns, for annotations.
"""

from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.events import StepMaterializationData
from dagster._core.execution.api import execute_run
from dagster._core.instance.config import PoolGranularity
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._utils.schedules import schedule_execution_time_iterator
from dagster_shared.check import CheckError

__all__ = [
    "BACKFILL_ID_TAG",
    "SINGLETON_REPOSITORY_NAME",
    "AssetCheckEvaluationPlanned",
    "AssetCheckExecutionRecord",
    "CheckError",
    "DagsterExecutionInterruptedError",
    "InMemoryJob",
    "InstigatorType",
    "PartitionKeyFilter",
    "PoolGranularity",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
    "StepMaterializationData",
    "UnresolvedAssetJobDefinition",
    "execute_run",
    "schedule_execution_time_iterator",
]
