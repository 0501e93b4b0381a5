"""Upgrade the schema of a database to the version of this code, or check that it has this version.

`versions` has all DDL. Only `inn8 db upgrade`, `inn8 demo` and `inn8 dev` upgrade a database; a sync never does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.errors import SchemaVersionError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.schema.migrations import roles
from inn8_pipeline.warehouse.schema.tables import RAW_SCHEMA, SCHEMA, metadata
from inn8_pipeline.warehouse.schema.views import views

if TYPE_CHECKING:
    from alembic import command
    from alembic import config as alembic_config
else:
    command = lazy_module("alembic.command")
    alembic_config = lazy_module("alembic.config")

SCHEMA_VERSION = "0025"
"""The newest version in `versions`. It is written here so that a sync does not load Alembic to find it."""

_HAS_VERSION = sql.SQL("select to_regclass('inn8.schema_version') is not null as has_version")
_VERSION = sql.SQL("select version_num from inn8.schema_version")
_SCHEMA_OWNER = sql.SQL(
    "select nspowner::regrole::text as owner from pg_catalog.pg_namespace where nspname = %(schema)s"
)
# If two upgrades create it at the same time, the second one waits for the first and then finds it.
_CREATE_SCHEMA = sql.SQL(
    """
    do $$ begin
      create schema {};
    exception when duplicate_schema or unique_violation then null;
    end $$
    """
)
# Only the owner of the schema can write its comment, and Postgres lets one transaction do so at a time. An advisory
# lock could be taken by any login.
_WAIT_FOR_OTHERS = sql.SQL("comment on schema {} is {}")
_ABOUT = "What INN8 sent, as rows, and the views for readers. `inn8 db upgrade` makes everything in it."
_ACT_AS = sql.SQL("set local role {}")
_COMMENT_ON_TABLE = sql.SQL("comment on table {} is {}")
_COMMENT_ON_VIEW = sql.SQL("comment on view {} is {}")
_COMMENT_ON_COLUMN = sql.SQL("comment on column {} is {}")


def found_version(connection: Connection) -> str:
    """Return the schema version of the database; empty if it has none."""
    (found,) = execute(connection, _HAS_VERSION)
    row = execute(connection, _VERSION).fetchone() if found["has_version"] else None
    return "" if row is None else str(row["version_num"])


def check(connection: Connection) -> None:
    """Check that the database has the schema version of this code.

    Raises:
        SchemaVersionError: It has another one, or none.

    """
    found = found_version(connection)
    if found != SCHEMA_VERSION:
        raise SchemaVersionError(found=found, expected=SCHEMA_VERSION)


def upgrade(engine: Engine) -> str:
    """Upgrade the database to the version of this code in one transaction, and return that version.

    Upgrades that run at the same time wait for each other.

    Raises:
        MissingRolesError: The login lacks a right that an upgrade needs. Nothing was changed.
        SchemaVersionError: The database is newer than this code. Nothing was changed.

    """
    config = alembic_config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        roles.ensure(connection)
        for schema in (SCHEMA, RAW_SCHEMA):
            if not _owner_of(connection, schema):
                execute(connection, _CREATE_SCHEMA.format(sql.Identifier(schema)))
        _act_as_owner(connection)
        execute(connection, _WAIT_FOR_OTHERS.format(sql.Identifier(SCHEMA), _ABOUT))
        found = found_version(connection)
        if found > SCHEMA_VERSION:
            raise SchemaVersionError(found=found, expected=SCHEMA_VERSION)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _write_comments(connection)
        return found_version(connection)


def _owner_of(connection: Connection, schema: str) -> str:
    """Return the role that owns a schema; empty if there is no such schema."""
    row = execute(connection, _SCHEMA_OWNER, schema=schema).fetchone()
    return "" if row is None else str(row["owner"])


def _act_as_owner(connection: Connection) -> None:
    """Act as the role that owns the schemas until the end of the transaction, so that it owns new objects too.

    Before version 0004 there are no roles: the login that upgrades owns the schemas itself.
    """
    if _owner_of(connection, SCHEMA) == roles.OWNER:
        execute(connection, _ACT_AS.format(sql.Identifier(roles.OWNER)))


def _write_comments(connection: Connection) -> None:
    """Write the comments of all tables, views and columns. A changed comment needs no migration."""
    for table in metadata.sorted_tables:
        columns = {column.name: column.comment for column in table.columns}
        _comment(connection, _COMMENT_ON_TABLE, table.fullname, table.comment, columns)
    for view in views():
        _comment(connection, _COMMENT_ON_VIEW, view.name, view.comment, view.columns)


def _comment(
    connection: Connection, statement: sql.SQL, name: str, comment: str | None, columns: Mapping[str, str | None]
) -> None:
    path = name.split(".")
    execute(connection, statement.format(sql.Identifier(*path), comment))
    for column, sentence in columns.items():
        execute(connection, _COMMENT_ON_COLUMN.format(sql.Identifier(*path, column), sentence))
