"""Date the changes of a transaction: from when they count, and which landing, run and reason the history names.

The triggers of the tables read it from settings that end with the transaction. A change without them is one by hand.
"""

from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.landing.store import Landing

# The changes of all of a tenant's entities are in one order, so that a row never begins before its parent. What a
# fetch brings that began before something merged already (a late landing, a rebuild) counts from now.
_BEGIN = sql.SQL(
    """
    with known as (
      select max(greatest(case when merged_at is not null then as_of_at end, changed_at)) as changed_at
        from inn8_raw.landings where tenant_id = %(tenant)s),
    dated as (
      select case when known.changed_at is null or %(started_at)s::timestamptz > known.changed_at
                  then %(started_at)s::timestamptz
                  else greatest(clock_timestamp(), known.changed_at + interval '1 microsecond') end as changed_at
        from known)
    select changed_at, set_config('inn8.changed_at', changed_at::text, true),
           set_config('inn8.changed_by_landing', %(landing)s::text, true),
           set_config('inn8.changed_by_run', coalesce((
             select run_id from inn8_raw.landings where tenant_id = %(tenant)s and id = %(landing)s), ''), true)
      from dated
    """
)
_REMEMBER = sql.SQL(
    "update inn8_raw.landings set changed_at = %(changed_at)s where tenant_id = %(tenant)s and id = %(landing)s"
)


def date_merge(connection: Connection, landing: Landing) -> datetime:
    """Date what follows in the transaction as changes by the merge of a landing; return from when they count.

    That is the start of the fetch; or now, if this fetch or one begun later has changed the tables already.
    """
    known = {"tenant": landing.tenant_id, "landing": landing.id}
    (row,) = execute(connection, _BEGIN, **known, started_at=landing.started_at)
    changed_at: datetime = row["changed_at"]
    if changed_at != landing.started_at:
        execute(connection, _REMEMBER, **known, changed_at=changed_at)
    return changed_at


_BEGIN_ERASURE = sql.SQL("select set_config('inn8.change_reason', 'erased', true)")


def date_erasure(connection: Connection) -> None:
    """Let the history name an erasure as the reason of what follows in the transaction."""
    execute(connection, _BEGIN_ERASURE)
