"""Set what the history triggers record about a transaction: from when its changes are valid, and what made them.

The triggers read these values from settings that end with the transaction. Without them a change counts as made by
hand.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.landing.store import Landing

# All changes of a tenant have an order, across entities, so that no row is valid before its parent. If this fetch began
# before one that is merged already (an out-of-order landing, a rebuild), its changes are valid from now.
_SET_FOR_MERGE = sql.SQL(
    """
    with known as (
      select max(greatest(case when merged_at is not null then as_of_at end, changed_at)) as changed_at
        from inn8_raw.landings where tenant_id = %(tenant)s),
    dated as (
      select case when known.changed_at is null or %(started_at)s::timestamptz > known.changed_at
                  then %(started_at)s::timestamptz
                  else greatest(clock_timestamp(), known.changed_at + interval '1 microsecond') end as changed_at
        from known)
    select changed_at, now() as merged_at, set_config('inn8.changed_at', changed_at::text, true),
           set_config('inn8.changed_by_landing', %(landing)s::text, true),
           set_config('inn8.changed_by_run', coalesce(%(run_id)s::text, (
             select run_id from inn8_raw.landings where tenant_id = %(tenant)s and id = %(landing)s), ''), true)
      from dated
    """
)
_STORE_CHANGED_AT = sql.SQL(
    "update inn8_raw.landings set changed_at = %(changed_at)s where tenant_id = %(tenant)s and id = %(landing)s"
)


@dataclass(frozen=True, slots=True)
class ChangeTimes:
    """The instants of a merge.

    `changed_at`: from when its changes are valid. It is the start of the fetch, or now if this fetch or a later one has
    already changed the tables. `merged_at`: `created_at` of the rows that it inserts.
    """

    changed_at: datetime
    merged_at: datetime


def set_for_merge(connection: Connection, landing: Landing, run_id: str | None) -> ChangeTimes:
    """Record the changes that follow as made by the merge of this landing; return its instants.

    `run_id` is the run that merges: a rebuild merges a landing of another run. None is the run of the fetch.
    """
    known = {"tenant": landing.tenant_id, "landing": landing.id}
    (row,) = execute(connection, _SET_FOR_MERGE, **known, started_at=landing.started_at, run_id=run_id)
    times = ChangeTimes(row["changed_at"], row["merged_at"])
    if times.changed_at != landing.started_at:
        execute(connection, _STORE_CHANGED_AT, **known, changed_at=times.changed_at)
    return times


_SET_FOR_ERASURE = sql.SQL("select set_config('inn8.change_reason', 'erased', true)")


def set_for_erasure(connection: Connection) -> None:
    """Record the changes that follow as made by an erasure."""
    execute(connection, _SET_FOR_ERASURE)
