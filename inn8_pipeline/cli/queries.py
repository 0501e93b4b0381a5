"""What the command reads of the warehouse, as SQLAlchemy selects: counts, samples, rejects, one record.

Every one checks the schema's version first. One writes: the operator's note on a reject. All else is the pipeline's.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import DatabaseError, SchemaVersionError
from inn8_pipeline.settings import Environment, read_database_url

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

Row = Mapping[Any, Any]
"""By column name."""


@contextmanager
def reading(environment: Environment, action: str) -> Iterator["Connection"]:
    """A read-only transaction on the warehouse of the settings; refuses another schema version than this code's."""
    from sqlalchemy import text

    from inn8_pipeline.warehouse.database import connect, transaction
    from inn8_pipeline.warehouse.migrations import check

    with transaction(connect(read_database_url(environment)), action) as connection:
        connection.execute(text("set transaction read only"))
        check(connection)
        yield connection


def has_transactions(environment: Environment, tenant_id: str) -> bool | None:
    """Whether a sync of transactions was ever merged. None where that cannot be told: the sync will say why."""
    from sqlalchemy import exists, select

    from inn8_pipeline.warehouse.tables import sync_coverage

    mine = exists().where(sync_coverage.c.tenant_id == tenant_id, sync_coverage.c.entity == str(Entity.TRANSACTIONS))
    try:
        with reading(environment, "looking for an earlier sync") as connection:
            return bool(connection.scalar(select(mine)))
    except (DatabaseError, SchemaVersionError):
        return None


def row_counts(connection: "Connection", tenant_id: str) -> dict[str, int]:
    """Rows of the tenant by table, and the landings and pages that they came from."""
    from sqlalchemy import func, select

    from inn8_pipeline.warehouse import tables

    counted = [*tables.BUSINESS_TABLES.values(), tables.rejected_records, tables.landings, tables.pages]
    return {
        table.fullname: connection.scalar(select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id))
        or 0
        for table in counted
    }


def sample(connection: "Connection", tenant_id: str, table: str, limit: int) -> Sequence[Row]:
    """The newest rows of a table."""
    from sqlalchemy import select

    from inn8_pipeline.warehouse.tables import BUSINESS_TABLES

    rows = BUSINESS_TABLES[table]
    return fetch(connection, select(rows).where(rows.c.tenant_id == tenant_id).order_by(rows.c.id.desc()).limit(limit))


def rejects(
    tenant_id: str, entity: str | None = None, *, resolved: bool = False, limit: int | None = None
) -> "Select[Any]":
    """Open rejects, oldest first, without their payloads; with `resolved`, those too that are settled."""
    from sqlalchemy import select

    from inn8_pipeline.warehouse.tables import rejected_records as r

    hidden = {"payload", "tenant_id"}
    found = select(*(column for column in r.c if column.name not in hidden)).where(r.c.tenant_id == tenant_id)
    if entity:
        found = found.where(r.c.entity == entity)
    if not resolved:
        found = found.where(r.c.resolved_at.is_(None))
    return found.order_by(r.c.entity, r.c.id).limit(limit)


def reject(connection: "Connection", tenant_id: str, reject_id: int) -> Row | None:
    """One reject, with its payload as INN8 sent it, as text."""
    from sqlalchemy import Text, cast, select

    from inn8_pipeline.warehouse.tables import rejected_records as r

    columns = [cast(column, Text).label("payload") if column.name == "payload" else column for column in r.c]
    found = fetch(connection, select(*columns).where(r.c.tenant_id == tenant_id, r.c.id == reject_id))
    return found[0] if found else None


def fetch(connection: "Connection", statement: "Select[Any]") -> Sequence[Row]:
    """The rows, by column name."""
    return connection.execute(statement).mappings().all()


def accept_reject(environment: Environment, tenant_id: str, reject_id: int, note: str) -> bool:
    """Accept an open reject, with the operator's note; False if there is none of that id."""
    from sqlalchemy import func, update

    from inn8_pipeline.warehouse.database import connect, transaction
    from inn8_pipeline.warehouse.migrations import check
    from inn8_pipeline.warehouse.tables import rejected_records as r

    mine = (r.c.tenant_id == tenant_id, r.c.id == reject_id, r.c.resolved_at.is_(None))
    accepted = {"accepted_at": func.now(), "accepted_note": note, "updated_at": func.now()}
    with transaction(connect(read_database_url(environment)), "accepting a reject") as connection:
        check(connection)
        return connection.execute(update(r).where(*mine).values(accepted)).rowcount == 1
