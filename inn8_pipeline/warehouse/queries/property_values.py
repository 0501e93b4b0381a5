"""Read the values of one property from the landings. They may be personal data: show them in a terminal only."""

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.schema.tables import RAW_SCHEMA

_TEXTS = sql.SQL(
    """
    select value #>> array[]::text[] as text, count(*) as records
      from {landed} as landed cross join lateral inn8_raw.property(landed.record, %(name)s) as value
     where landed.tenant_id = %(tenant)s and json_typeof(value) = 'string'
     group by 1 order by 2 desc, 1
    """
)


def property_values(connection: Connection, tenant_id: str, entity: Entity, name: str) -> dict[str, int]:
    """Return the strings of a property in the landings merged last, and how many records have each.

    The most frequent value is first.
    """
    statement = _TEXTS.format(landed=sql.Identifier(RAW_SCHEMA, entity.name))
    rows = execute(connection, statement, tenant=tenant_id, name=name)
    return {row["text"]: row["records"] for row in rows}
