"""Delete past versions that ended before the retention. Current rows are never deleted."""

from psycopg import sql
from sqlalchemy import Engine

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.tables import HISTORY_SCHEMA

_DELETE = sql.SQL("delete from {} where tenant_id = %(tenant)s and valid_to < now() - make_interval(days => %(days)s)")


def prune(engine: Engine, tenant_id: str, days: int) -> int:
    """Delete the tenant's past versions that ended more than this number of days ago; return how many.

    A version that ended later is kept whole, however early it began.
    """
    tables = dict.fromkeys(declared.name for entity in ENTITIES for declared in entity.declarations)
    with transaction(engine, "dropping past versions") as connection:
        migrations.check(connection)
        deletions = [_DELETE.format(sql.Identifier(HISTORY_SCHEMA, name)) for name in tables]
        return sum(execute(connection, each, tenant=tenant_id, days=days).rowcount for each in deletions)
