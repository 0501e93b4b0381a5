"""Delete old runs and check evaluations from Dagster's own storage.

`maintenance` defers this module, because it imports SQLAlchemy.
"""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import delete, func, or_, select

from inn8_pipeline.defs import names

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION


def delete_runs(instance: dg.DagsterInstance, before: datetime) -> tuple[int, int]:
    """Delete runs created before an instant, except those with the newest materialization of an asset or of a day.

    Returns:
        The numbers of deleted and of kept runs.

    """
    newest = _newest_materializations(instance)
    deleted = kept = 0
    for record in instance.get_run_records(dg.RunsFilter(statuses=_ENDED, created_before=before), ascending=True):
        run_id = record.dagster_run.run_id
        made = instance.get_records_for_run(run_id, of_type=_MATERIALIZATION).records
        if newest.isdisjoint(each.storage_id for each in made):
            instance.delete_run(run_id)
            deleted += 1
        else:
            kept += 1
    return deleted, kept


def _newest_materializations(instance: dg.DagsterInstance) -> set[int]:
    """Return the storage ids of the newest materialization of every asset, and of every day of it."""
    found: set[int] = set()
    for key in instance.all_asset_keys():
        by_day = instance.event_log_storage.get_latest_storage_id_by_partition(key, _MATERIALIZATION)
        found.update(by_day.values())
        found.update(each.storage_id for each in instance.fetch_materializations(key, limit=1).records)
    return found


def delete_evaluations(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete the evaluations of checks from before then; keep the newest of each check.

    The sync log's entries of whole runs stay: they are few, and the UI shows them. Its entries of single days are some
    0.6 million rows per tenant and year. Dagster never deletes from this table.

    Returns:
        The number of rows deleted; 0 if Dagster's storage is not a SQL database.

    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    columns = AssetCheckExecutionsTable.c
    newest = select(func.max(columns.id)).group_by(columns.asset_key, columns.check_name)
    # The column has no time zone; its values are UTC.
    old = columns.create_timestamp < before.astimezone(UTC).replace(tzinfo=None)
    is_deleted = or_(columns.check_name != names.SYNC_LOG, columns.partition.is_not(None))
    with storage.index_connection() as connection:
        return connection.execute(
            delete(AssetCheckExecutionsTable).where(is_deleted, old, columns.id.not_in(newest))
        ).rowcount
