"""List the rejects, show one of them, export them, accept them as permanent, and end that.

The payload of a reject is personal data.
"""

from collections.abc import Collection, Sequence

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.queries.tables import Row
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.tables import rejected_records

_LISTED = [column.name for column in rejected_records.c if column.name not in {"payload", "tenant_id"}]
_SHOWN = [column.name for column in rejected_records.c if column.name != "payload"]
_LIST = sql.SQL(
    """
    select {columns} from inn8.rejected_records
     where tenant_id = %(tenant)s
       and (%(entity)s::text is null or entity = %(entity)s::text)
       and (%(with_resolved)s or resolved_at is null)
       and (%(with_accepted)s or accepted_at is null or resolved_at is not null)
     order by entity, id limit %(limit)s
    """
).format(columns=sql.SQL(", ").join(map(sql.Identifier, _LISTED)))
_COUNT = sql.SQL(
    """
    select count(*) filter (where accepted_at is null) as unaccepted, count(accepted_at) as accepted
      from inn8.rejected_records
     where tenant_id = %(tenant)s and resolved_at is null
       and (%(entity)s::text is null or entity = %(entity)s::text)
    """
)
_SHOW = sql.SQL(
    """
    select {columns}, payload::text as payload from inn8.rejected_records
     where tenant_id = %(tenant)s and id = %(reject_id)s
    """
).format(columns=sql.SQL(", ").join(map(sql.Identifier, _SHOWN)))
EXPORTED = (
    *("entity", "external_id", "trade_date", "reason_code", "reason", "first_seen_at", "attempts", "id"),
    *("record_key", "landing_id", "last_seen_at"),
)
"""The columns of an export: `record_key` and `landing_id` identify a record whose own id is invalid."""
_EXPORT = sql.SQL(
    """
    select {columns}, accepted_note, case when %(with_payload)s then payload::text end as payload
      from inn8.rejected_records
     where tenant_id = %(tenant)s and resolved_at is null and (%(with_accepted)s or accepted_at is null)
       and (%(entity)s::text is null or entity = %(entity)s::text)
       and (%(reason_code)s::text is null or reason_code = %(reason_code)s::text)
     order by entity, id
    """
).format(columns=sql.SQL(", ").join(map(sql.Identifier, EXPORTED)))
_ACCEPT = sql.SQL(
    """
    update inn8.rejected_records set accepted_at = now(), accepted_note = %(remark)s, updated_at = now()
     where tenant_id = %(tenant)s and id = any(%(reject_ids)s) and resolved_at is null
    returning id
    """
)


_REOPEN = sql.SQL(
    """
    update inn8.rejected_records set accepted_at = null, accepted_note = null, updated_at = now()
     where tenant_id = %(tenant)s and id = any(%(reject_ids)s) and resolved_at is null and accepted_at is not null
    returning id
    """
)


def list_rejects(  # noqa: PLR0913 (all but the tenant are optional)
    connection: Connection,
    tenant_id: str,
    entity: Entity | None = None,
    *,
    with_accepted: bool = False,
    with_resolved: bool = False,
    limit: int | None = None,
) -> Sequence[Row]:
    """Return the open rejects without their payloads, oldest first.

    Args:
        connection: A connection in a transaction.
        tenant_id: The tenant.
        entity: Only the rejects of this entity; None for all entities.
        with_accepted: Return the open rejects too that somebody has accepted.
        with_resolved: Return the resolved rejects too.
        limit: The largest number of rejects to return.

    """
    flags = {"with_accepted": with_accepted, "with_resolved": with_resolved}
    return execute(connection, _LIST, tenant=tenant_id, entity=entity and entity.name, limit=limit, **flags).fetchall()


def count_open(connection: Connection, tenant_id: str, entity: Entity | None = None) -> tuple[int, int]:
    """Return how many open rejects nobody has accepted, and how many somebody has."""
    (row,) = execute(connection, _COUNT, tenant=tenant_id, entity=entity and entity.name)
    return row["unaccepted"], row["accepted"]


def show(connection: Connection, tenant_id: str, reject_id: int) -> Row | None:
    """Return one reject with its payload, the JSON text that INN8 sent; None if no reject has this id."""
    return execute(connection, _SHOW, tenant=tenant_id, reject_id=reject_id).fetchone()


def export(  # noqa: PLR0913 (all but the tenant are optional)
    connection: Connection,
    tenant_id: str,
    entity: Entity | None = None,
    reason_code: str | None = None,
    *,
    with_accepted: bool = False,
    with_payload: bool = False,
) -> Sequence[Row]:
    """Return the open rejects of an entity, or with a reason code, as INN8's support needs them.

    Without payloads, the values of `payload` are None. Those that somebody has accepted are left out unless asked for.
    """
    known = {"entity": entity and entity.name, "reason_code": reason_code}
    flags = {"with_accepted": with_accepted, "with_payload": with_payload}
    return execute(connection, _EXPORT, tenant=tenant_id, **known, **flags).fetchall()


def accept(engine: Engine, tenant_id: str, reject_ids: Collection[int], remark: str) -> frozenset[int]:
    """Accept open rejects as permanent, in one transaction; return the ids of those that are open.

    An accepted reject no longer causes `PartialSuccess`, until INN8 sends another version of the record.
    """
    with transaction(engine, "accepting rejects") as connection:
        migrations.check(connection)
        done = execute(connection, _ACCEPT, tenant=tenant_id, reject_ids=list(reject_ids), remark=remark).fetchall()
    return frozenset(row["id"] for row in done)


def reopen(engine: Engine, tenant_id: str, reject_ids: Collection[int]) -> frozenset[int]:
    """End the acceptance of open rejects, so that the next merge tries them again; return the ids of those accepted."""
    with transaction(engine, "trying rejects again") as connection:
        migrations.check(connection)
        done = execute(connection, _REOPEN, tenant=tenant_id, reject_ids=list(reject_ids)).fetchall()
    return frozenset(row["id"] for row in done)
