"""What an operator asks of the warehouse and tells it: counts, samples, rejects. One record has a room of its own.

Here belong questions whose answers a person reads, and the acceptance of a reject. Answers are rows by column name; how
they are shown is the command line's. They hold personal data.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select, Text, cast, exists, func, select, text, update

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import transaction
from inn8_pipeline.warehouse.schema import migrations, tables
from inn8_pipeline.warehouse.schema.tables import rejected_records, sync_coverage

Row = Mapping[Any, Any]
"""By column name."""


@contextmanager
def reading(engine: Engine, action: str) -> Iterator[Connection]:
    """Yield a read-only transaction; refuses another schema version than this code's."""
    with transaction(engine, action) as connection:
        connection.execute(text("set transaction read only"))
        migrations.check(connection)
        yield connection


def has_merged(connection: Connection, tenant_id: str, entity: Entity) -> bool:
    """Whether a sync of the entity was ever merged."""
    mine = exists().where(sync_coverage.c.tenant_id == tenant_id, sync_coverage.c.entity == str(entity))
    return bool(connection.scalar(select(mine)))


def row_counts(connection: Connection, tenant_id: str) -> dict[str, int]:
    """Rows of the tenant by table, and the landings and pages that they came from."""
    counted = [*tables.business_tables().values(), rejected_records, tables.landings, tables.pages]
    return {
        table.fullname: connection.scalar(select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id))
        or 0
        for table in counted
    }


def sample(connection: Connection, tenant_id: str, table: str, limit: int) -> Sequence[Row]:
    """Return the newest rows of a table."""
    rows = tables.business_tables()[table]
    return _fetch(connection, select(rows).where(rows.c.tenant_id == tenant_id).order_by(rows.c.id.desc()).limit(limit))


def rejects(
    connection: Connection,
    tenant_id: str,
    entity: Entity | None = None,
    *,
    resolved: bool = False,
    limit: int | None = None,
) -> Sequence[Row]:
    """Open rejects, accepted ones too, oldest first, without their payloads; with `resolved`, the settled ones too."""
    table, hidden = rejected_records, {"payload", "tenant_id"}
    found = select(*(column for column in table.c if column.name not in hidden)).where(table.c.tenant_id == tenant_id)
    if entity:
        found = found.where(table.c.entity == entity.name)
    if not resolved:
        found = found.where(table.c.resolved_at.is_(None))
    return _fetch(connection, found.order_by(table.c.entity, table.c.id).limit(limit))


def reject(connection: Connection, tenant_id: str, reject_id: int) -> Row | None:
    """One reject, with its payload as INN8 sent it, as text; None where there is none of this id."""
    table = rejected_records
    columns = [cast(column, Text).label("payload") if column.name == "payload" else column for column in table.c]
    found = _fetch(connection, select(*columns).where(table.c.tenant_id == tenant_id, table.c.id == reject_id))
    return found[0] if found else None


def accept(engine: Engine, tenant_id: str, reject_id: int, note: str) -> bool:
    """Accept an open reject as permanent: it no longer colours the status until INN8 sends it changed.

    False where no open reject has this id.
    """
    table = rejected_records
    mine = (table.c.tenant_id == tenant_id, table.c.id == reject_id, table.c.resolved_at.is_(None))
    accepted = {"accepted_at": func.now(), "accepted_note": note, "updated_at": func.now()}
    with transaction(engine, "accepting a reject") as connection:
        migrations.check(connection)
        return connection.execute(update(table).where(*mine).values(accepted)).rowcount == 1


def _fetch(connection: Connection, statement: Select[Any]) -> Sequence[Row]:
    return connection.execute(statement).mappings().all()
