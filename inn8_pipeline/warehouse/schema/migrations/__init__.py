"""The schema's versions: `upgrade` brings a database to this code's, `check` refuses any other.

Here belongs all DDL (in `versions`). Only `inn8 db upgrade`, `inn8 demo` and `inn8 dev` upgrade; a pipeline never does.
"""

from pathlib import Path

from psycopg import sql
from sqlalchemy import Connection, Engine, text
from sqlalchemy.schema import SetColumnComment, SetTableComment

from inn8_pipeline.errors import SchemaVersionError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import raw
from inn8_pipeline.warehouse.schema.migrations import roles
from inn8_pipeline.warehouse.schema.tables import RAW_SCHEMA, SCHEMA, metadata
from inn8_pipeline.warehouse.schema.views import views

SCHEMA_VERSION = "0008"
"""The newest step in `versions`: written here so that a sync need not load Alembic to know it."""


def found_version(connection: Connection) -> str:
    """Return the schema version of the database; empty where there is none."""
    if connection.scalar(text("select to_regclass(:name)"), {"name": f"{SCHEMA}.schema_version"}) is None:
        return ""
    return connection.scalar(text(f"select version_num from {SCHEMA}.schema_version")) or ""


def check(connection: Connection) -> None:
    """Raise `SchemaVersionError` unless the database has this code's version."""
    found = found_version(connection)
    if found != SCHEMA_VERSION:
        raise SchemaVersionError(found=found, expected=SCHEMA_VERSION)


def _become_owner(connection: Connection) -> None:
    """Until the end of the transaction, act as the role that owns the schemas, so that all that is new is its own.

    Before the roles there are, the login that upgrades owns them itself.
    """
    owner = connection.scalar(
        text("select nspowner::regrole::text from pg_catalog.pg_namespace where nspname = :schema"), {"schema": SCHEMA}
    )
    if owner == roles.OWNER:
        roles.ensure(connection)
        connection.execute(text(f"set local role {roles.OWNER}"))


def _comment(connection: Connection) -> None:
    """Write the sentences onto every table, view and column, so that a changed one needs no migration."""
    for table in metadata.sorted_tables:
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))
    cursor = raw(connection).cursor()
    for view in views():
        name = view.name.split(".")
        cursor.execute(_ON_VIEW.format(sql.Identifier(*name), view.comment))
        for each, sentence in view.columns.items():
            cursor.execute(_ON_COLUMN.format(sql.Identifier(*name, each), sentence))


_ON_VIEW = sql.SQL("comment on view {} is {}")
_ON_COLUMN = sql.SQL("comment on column {} is {}")


def upgrade(engine: Engine) -> str:
    """Bring the database to this code's version, in one transaction; several at once wait for each other."""
    from alembic import command  # noqa: PLC0415 (heavy, and needed by nobody who only syncs)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        locks.hold(connection, locks.SCHEMA_VERSION)
        for schema in (SCHEMA, RAW_SCHEMA):
            if connection.scalar(text("select to_regnamespace(:schema) is null"), {"schema": schema}):
                connection.execute(text(f"create schema {schema}"))
        _become_owner(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _comment(connection)
        return found_version(connection)
