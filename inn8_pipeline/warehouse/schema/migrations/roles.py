"""The roles that own, write and read the warehouse: groups without a login, shared by all databases of a server.

    inn8_owner    owns schemas, tables and functions; the login that upgrades is a member of it
    inn8_views    owns the views: row-level security applies to it, and so to everyone who reads through a view
    inn8_writer   the pipeline
    inn8_reader   reads the views: only the rows of its own tenants

This module creates the roles. The migration that creates a table or a view grants the rights on it.
"""

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.errors import MissingRolesError
from inn8_pipeline.warehouse.database import execute

OWNER, VIEWS, WRITER, READER = "inn8_owner", "inn8_views", "inn8_writer", "inn8_reader"

_CREATE = sql.SQL("create role {role} nologin")
# Several databases of a server may be upgraded at the same time. If two upgrades create a role, the second one waits
# for the first and then finds the role.
_CREATE_IF_MISSING = sql.SQL(
    """
    do $$ begin
      create role {role} nologin;
    exception when duplicate_object or unique_violation then null;
    end $$
    """
)
# This lets the owner make inn8_views the owner of the views, and logins readers and writers.
_GRANTS = {
    VIEWS: sql.SQL("grant {role} to {owner} with inherit true, set true"),
    WRITER: sql.SQL("grant {role} to {owner} with admin true, inherit false, set false"),
    READER: sql.SQL("grant {role} to {owner} with admin true, inherit false, set false"),
}
_GRANT_OWNER = sql.SQL("grant {role} to {login} with inherit true, set true")
_LOGIN = sql.SQL(
    """
    select current_user::text as name, rolcreaterole or rolsuper as may_create from pg_catalog.pg_roles
     where rolname = current_user
    """
)
_EXISTS = sql.SQL("select to_regrole(%(role)s) is not null as answer")
_IS_GRANTED = sql.SQL(
    """
    select exists (select from pg_catalog.pg_auth_members
                    where roleid = to_regrole(%(role)s) and member = to_regrole(%(member)s)
                      and inherit_option = %(inherits)s and (admin_option or inherit_option)) as answer
    """
)
_IS_MEMBER = sql.SQL("select pg_has_role(%(role)s, 'usage') and pg_has_role(%(role)s, 'set') as answer")


def ensure(connection: Connection) -> None:
    """Create the roles that are missing, and make the current login a member of the owner. Change no other role.

    Raises:
        MissingRolesError: The login has no right to do so. The error has the statements for a superuser.

    """
    (login,) = execute(connection, _LOGIN)
    missing = [role for role in (OWNER, *_GRANTS) if not _is_true(connection, _EXISTS, role=role)]
    if missing and not login["may_create"]:
        raise MissingRolesError(login["name"], _for_superuser(missing, login["name"]))
    for role in missing:
        execute(connection, _CREATE_IF_MISSING.format(role=sql.Identifier(role)))
    if missing:
        for role in _GRANTS:
            if not _is_true(connection, _IS_GRANTED, role=role, member=OWNER, inherits=role == VIEWS):
                execute(connection, _grant(role))
        if not _is_true(connection, _IS_MEMBER, role=OWNER):
            execute(connection, _grant_owner(login["name"]))
    if not _is_true(connection, _IS_MEMBER, role=OWNER):
        raise MissingRolesError(login["name"], _for_superuser([], login["name"]))


def _is_true(connection: Connection, statement: sql.SQL, **parameters: object) -> bool:
    (row,) = execute(connection, statement, **parameters)
    return row["answer"] is True


def _grant(role: str) -> sql.Composed:
    return _GRANTS[role].format(role=sql.Identifier(role), owner=sql.Identifier(OWNER))


def _grant_owner(login: str) -> sql.Composed:
    return _GRANT_OWNER.format(role=sql.Identifier(OWNER), login=sql.Identifier(login))


def _for_superuser(missing: list[str], login: str) -> tuple[str, ...]:
    """Return the statements that a superuser runs once, in order."""
    created = [_CREATE.format(role=sql.Identifier(role)) for role in missing]
    granted = [_grant(role) for role in _GRANTS] if missing else []
    return tuple(each.as_string() for each in (*created, *granted, _grant_owner(login)))
