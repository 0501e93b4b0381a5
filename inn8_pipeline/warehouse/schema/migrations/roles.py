"""The roles that own, write and read: groups without a login, shared by all databases of a cluster.

    inn8_owner    owns schemas, tables and functions; who upgrades is a member of it
    inn8_views    owns the views: row-level security applies to it, and so to everybody who reads through a view
    inn8_writer   the pipeline
    inn8_reader   reads the views, its own tenants' rows alone

Here belongs how they come to be. What each may do is said by the migration that makes a table or a view.
"""

from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql

from inn8_pipeline.errors import MissingRolesError

OWNER, VIEWS, WRITER, READER = "inn8_owner", "inn8_views", "inn8_writer", "inn8_reader"

# Several databases of a cluster may be upgraded at a time: of two that make a role the second waits, and finds it made.
_CREATE = """
do $$ begin
  create role {role} nologin;
exception when duplicate_object or unique_violation then null;
end $$
"""
# What the owner can do to the other roles: own their views, and let logins be readers and writers.
_GRANTS = {
    VIEWS: f"grant {VIEWS} to {OWNER} with inherit true, set true",
    WRITER: f"grant {WRITER} to {OWNER} with admin true, inherit false, set false",
    READER: f"grant {READER} to {OWNER} with admin true, inherit false, set false",
}
_IS_GRANTED = text(
    """
    select exists (select from pg_catalog.pg_auth_members
                    where roleid = to_regrole(:role) and member = to_regrole(:member) and inherit_option = :inherits
                      and (admin_option or inherit_option))
    """
)
_MEMBERSHIP = "grant {role} to {login} with inherit true, set true"
_IS_MEMBER = text("select pg_has_role(:role, 'usage') and pg_has_role(:role, 'set')")
_MAY_CREATE = text("select rolcreaterole or rolsuper from pg_catalog.pg_roles where rolname = current_user")


def ensure(connection: Connection) -> None:
    """Make the roles that are missing, and the current login a member of the owner; what is there is left alone.

    `MissingRolesError`, with the statements for a superuser, where the login may not.
    """
    login = str(connection.scalar(text("select current_user")))
    missing = [role for role in (OWNER, *_GRANTS) if not _exists(connection, role)]
    if missing and not connection.scalar(_MAY_CREATE):
        raise MissingRolesError(login, _for_superuser(missing, login))
    for role in missing:
        connection.execute(text(_CREATE.format(role=role)))
    for role, grant in _GRANTS.items():
        if missing and not _is_granted(connection, role):
            connection.execute(text(grant))
    if missing and not connection.scalar(_IS_MEMBER, {"role": OWNER}):
        connection.execute(text(_MEMBERSHIP.format(role=OWNER, login=_quoted(login))))
    if not connection.scalar(_IS_MEMBER, {"role": OWNER}):
        raise MissingRolesError(login, _for_superuser([], login))


def _exists(connection: Connection, role: str) -> bool:
    return connection.scalar(text("select to_regrole(:role) is not null"), {"role": role}) is True


def _is_granted(connection: Connection, role: str) -> bool:
    wanted = {"role": role, "member": OWNER, "inherits": role == VIEWS}
    return connection.scalar(_IS_GRANTED, wanted) is True


def _for_superuser(missing: list[str], login: str) -> tuple[str, ...]:
    made = [f"create role {role} nologin" for role in missing]
    granted = list(_GRANTS.values()) if missing else []
    return (*made, *granted, _MEMBERSHIP.format(role=OWNER, login=_quoted(login)))


def _quoted(login: str) -> str:
    return postgresql.dialect().identifier_preparer.quote(login)  # type: ignore[no-untyped-call]
