"""Who may read and write: logins become readers of a tenant, or writers. Roles and policies are the migrations'.

Here belongs what the owner does about it afterwards. Logins and their passwords are the database administrator's.
"""

from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.errors import LoginError
from inn8_pipeline.warehouse.database import raw, transaction
from inn8_pipeline.warehouse.schema import migrations

_SEES_ALL = """
  select pg_has_role(oid, 'inn8_owner', 'member') or pg_has_role(oid, 'inn8_writer', 'member')
    from pg_catalog.pg_roles where rolname = %s
"""


def grant_reader(engine: Engine, login: str, tenant_id: str) -> None:
    """Let the login read the tenant's rows through the views, beside those of other tenants that it reads already.

    `LoginError` where it is not there, or would see all tenants.
    """
    with transaction(engine, "making a login a reader") as connection:
        cursor = _cursor(connection)
        if _sees_all(cursor, login):
            raise LoginError(login, "sees every tenant's rows already: it owns, writes or is a superuser")
        # One that is no reader yet has a namesake's rows at most, of a login that was dropped: they are not its own.
        cursor.execute(
            "delete from inn8.tenant_readers where role_name = %s and not pg_has_role(%s, 'inn8_reader', 'member')",
            (login, login),
        )
        _join(cursor, "inn8_reader", login)
        cursor.execute(
            "insert into inn8.tenant_readers (tenant_id, role_name) values (%s, %s) on conflict do nothing",
            (tenant_id, login),
        )


def revoke_reader(engine: Engine, login: str, tenant_id: str | None) -> int:
    """Take a tenant's rows from the login, or, without one, those of all and its place among the readers.

    How many tenants were taken. The login may be gone. Another database of the server loses the reader too.
    """
    with transaction(engine, "taking rights from a reader") as connection:
        cursor = _cursor(connection)
        taken = cursor.execute(
            "delete from inn8.tenant_readers where role_name = %s and (%s::text is null or tenant_id = %s)",
            (login, tenant_id, tenant_id),
        ).rowcount
        if tenant_id is None and cursor.execute("select to_regrole(quote_ident(%s))", (login,)).fetchone() != (None,):
            cursor.execute(sql.SQL("revoke inn8_reader from {} granted by inn8_owner").format(sql.Identifier(login)))
        return taken


def grant_writer(engine: Engine, login: str) -> None:
    """Let the login run the pipeline: every tenant's rows, no table's shape. `LoginError` where it is not there."""
    with transaction(engine, "making a login a writer") as connection:
        cursor = _cursor(connection)
        _sees_all(cursor, login)
        _join(cursor, "inn8_writer", login)


def _cursor(connection: Connection) -> "psycopg.Cursor[Any]":
    migrations.check(connection)
    return raw(connection).cursor()


def _sees_all(cursor: "psycopg.Cursor[Any]", login: str) -> bool:
    """Whether no policy holds the login back; `LoginError` where there is none of that name."""
    found = cursor.execute(_SEES_ALL, (login,)).fetchone()
    if found is None:
        raise LoginError(login, "does not exist")
    return bool(found[0])


def _join(cursor: "psycopg.Cursor[Any]", role: str, login: str) -> None:
    cursor.execute(
        sql.SQL("grant {} to {} with inherit true, set false granted by inn8_owner").format(
            sql.Identifier(role), sql.Identifier(login)
        )
    )
