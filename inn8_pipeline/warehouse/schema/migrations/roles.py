"""The roles that own, write and read the warehouse: groups without a login, shared by all databases of a server.

    inn8_owner    owns schemas, tables and functions; the login that upgrades is a member of it
    inn8_views    owns the views: row-level security applies to it, and so to everyone who reads through a view
    inn8_writer   the pipeline
    inn8_reader   reads the views: only the rows of its own tenants

This module creates the roles, or says which statements an administrator runs for a login that may not. The migration
that creates a table or a view grants the rights on it.
"""

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.errors import MissingRolesError
from inn8_pipeline.warehouse.database import execute

OWNER, VIEWS, WRITER, READER = "inn8_owner", "inn8_views", "inn8_writer", "inn8_reader"
_SCHEMAS = ("inn8", "inn8_raw", "inn8_history")

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
_GRANT_CREATE = sql.SQL("grant create on database {database} to {login}")
_LOGIN = sql.SQL(
    """
    select current_user::text as name, current_database()::text as database,
           rolcreaterole or rolsuper as may_create_roles
      from pg_catalog.pg_roles where rolname = current_user
    """
)
_EXISTS = sql.SQL("select to_regrole(%(role)s) is not null as answer")
_IS_GRANTED = sql.SQL(
    """
    select exists (select from pg_catalog.pg_auth_members
                    where roleid = to_regrole(%(role)s) and member = to_regrole(%(member)s)
                      and case when %(is_owned)s then inherit_option and set_option else admin_option end) as answer
    """
)
_IS_MEMBER = sql.SQL("select pg_has_role(%(role)s, 'usage') and pg_has_role(%(role)s, 'set') as answer")
_MAY_GRANT = sql.SQL("select pg_has_role(%(role)s, 'member with admin option') as answer")
_MAY_CREATE_SCHEMAS = sql.SQL(
    """
    select has_database_privilege(current_database(), 'create')
           or (select count(*) from pg_catalog.pg_namespace where nspname = any (%(schemas)s::text[]))
              = cardinality(%(schemas)s::text[]) as answer
    """
)


def ensure(connection: Connection) -> None:
    """Create the roles that are missing, and make the current login a member of the owner. Change no other role.

    Raises:
        MissingRolesError: The login has no right to do so. Nothing was changed; the error has the statements.

    """
    (login,) = execute(connection, _LOGIN)
    needed = statements_for_administrator(connection)
    if needed:
        raise MissingRolesError(login["name"], needed)
    for role in _missing(connection):
        execute(connection, _CREATE_IF_MISSING.format(role=sql.Identifier(role)))
    for role in (*_GRANTS, OWNER):
        if not _is_granted(connection, role):
            execute(connection, _grant(role, login["name"]))


def statements_for_administrator(connection: Connection) -> tuple[str, ...]:
    """Return the statements, in order, that an administrator runs once so that the current login can upgrade.

    None if the login can do everything itself. Nothing is changed, and no right is needed.
    """
    (login,) = execute(connection, _LOGIN)
    missing = _missing(connection)
    grants = [role for role in (*_GRANTS, OWNER) if role in missing or not _is_granted(connection, role)]
    may_create_schemas = _is_true(connection, _MAY_CREATE_SCHEMAS, schemas=list(_SCHEMAS))
    may_create_roles = login["may_create_roles"] or not missing
    may_grant = all(role in missing or _is_true(connection, _MAY_GRANT, role=role) for role in grants)
    if may_create_schemas and may_create_roles and may_grant:
        return ()
    statements = [_CREATE.format(role=sql.Identifier(role)) for role in missing]
    statements += [_grant(role, login["name"]) for role in grants]
    if not may_create_schemas:
        names = {"database": sql.Identifier(login["database"]), "login": sql.Identifier(login["name"])}
        statements.append(_GRANT_CREATE.format(**names))
    return tuple(each.as_string() for each in statements)


def _missing(connection: Connection) -> list[str]:
    return [role for role in (OWNER, *_GRANTS) if not _is_true(connection, _EXISTS, role=role)]


def _is_granted(connection: Connection, role: str) -> bool:
    """Return True if the role is granted as it must be: the owner to the login, the others to the owner."""
    if role == OWNER:
        return _is_true(connection, _IS_MEMBER, role=role)
    return _is_true(connection, _IS_GRANTED, role=role, member=OWNER, is_owned=role == VIEWS)


def _grant(role: str, login: str) -> sql.Composed:
    if role == OWNER:
        return _GRANT_OWNER.format(role=sql.Identifier(role), login=sql.Identifier(login))
    return _GRANTS[role].format(role=sql.Identifier(role), owner=sql.Identifier(OWNER))


def _is_true(connection: Connection, statement: sql.SQL, **parameters: object) -> bool:
    (row,) = execute(connection, statement, **parameters)
    return row["answer"] is True
