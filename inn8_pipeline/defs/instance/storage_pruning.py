"""Delete old runs and check evaluations from Dagster's own storage.

`maintenance` defers this module, because it imports SQLAlchemy.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import delete, func, or_, select

from inn8_pipeline.defs import names

OnProgress = Callable[[int, int], None]
"""Is called with how many are done, and how many there are."""
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION


def delete_runs(
    instance: dg.DagsterInstance, before: datetime, on_run: OnProgress = lambda _done, _total: None
) -> tuple[int, int]:
    """Delete runs created before an instant, except those with the newest materialization of an asset or of a day.

    After each run, `on_run` is called with how many have been examined and how many there are.

    Returns:
        The numbers of deleted and of kept runs.

    """
    newest = _newest_materializations(instance)
    deleted = kept = 0
    old = instance.get_run_records(dg.RunsFilter(statuses=_ENDED, created_before=before), ascending=True)
    for number, record in enumerate(old, start=1):
        run_id = record.dagster_run.run_id
        made = instance.get_records_for_run(run_id, of_type=_MATERIALIZATION).records
        if newest.isdisjoint(each.storage_id for each in made):
            instance.delete_run(run_id)
            deleted += 1
        else:
            kept += 1
        on_run(number, len(old))
    return deleted, kept


def _newest_materializations(instance: dg.DagsterInstance) -> set[int]:
    """Return the storage ids of the newest materialization of every asset, and of every day of it."""
    found: set[int] = set()
    for key in instance.all_asset_keys():
        by_day = instance.event_log_storage.get_latest_storage_id_by_partition(key, _MATERIALIZATION)
        found.update(by_day.values())
        found.update(each.storage_id for each in instance.fetch_materializations(key, limit=1).records)
    return found


def delete_evaluations(
    instance: dg.DagsterInstance, before: datetime, on_asset: OnProgress = lambda _done, _total: None
) -> int:
    """Delete the evaluations of checks from before then; keep the newest of each check.

    It deletes asset by asset, and calls `on_asset` after each.

    The sync log's entries of whole runs stay: they are few, and the UI shows them. Its entries of single days are some
    0.6 million rows per tenant and year. Dagster never deletes from this table.

    Returns:
        The number of rows deleted; 0 if Dagster's storage is not a SQL database.

    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    columns = AssetCheckExecutionsTable.c
    # The column has no time zone; its values are UTC.
    old = columns.create_timestamp < before.astimezone(UTC).replace(tzinfo=None)
    is_deleted = or_(columns.check_name != names.SYNC_LOG, columns.partition.is_not(None))
    deleted = 0
    with storage.index_connection() as connection:
        assets = connection.execute(select(columns.asset_key).distinct()).scalars().all()
        for number, asset in enumerate(assets, start=1):
            of_asset = columns.asset_key == asset
            newest = select(func.max(columns.id)).where(of_asset).group_by(columns.check_name)
            condition = (of_asset, is_deleted, old, columns.id.not_in(newest))
            deleted += connection.execute(delete(AssetCheckExecutionsTable).where(*condition)).rowcount
            on_asset(number, len(assets))
    return deleted
