"""Grant logins the rights of a reader or a writer, revoke them, and list all grants.

The migrations create the roles and the policies. The database administrator creates the logins and their passwords.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.errors import LoginError, NotOwnerError
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.schema import migrations

READER, WRITER = "inn8_reader", "inn8_writer"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may see. `right` is superuser, owner, writer or reader; `tenants` is None for all tenants."""

    login: str
    right: str
    tenants: tuple[str, ...] | None
    can_login: bool
    without_contact: tuple[str, ...] = ()
    """Those of a reader's tenants whose personal data are null for it."""


def grant_reader(engine: Engine, login: str, tenant_id: str, *, has_contact_data: bool = True) -> bool | None:
    """Let a login read a tenant's rows through the views, in addition to those of other tenants that it may read.

    Returns:
        Whether it saw the tenant's contact data before; None if it saw no row of the tenant.

    Raises:
        LoginError: The role does not exist, is not a login of its own, or sees more than a reader may.

    """
    with transaction(engine, "granting a reader") as connection:
        require_owner(connection, "grant rights")
        _check_login(connection, login, READER)
        # If the login is not a reader yet, rows with its name belonged to a dropped login.
        execute(connection, _DROP_FORMER, login=login)
        execute(connection, _GRANT.format(sql.Identifier(READER), sql.Identifier(login)))
        known = {"tenant": tenant_id, "login": login}
        former = execute(connection, _FORMER, **known).fetchone()
        execute(connection, _ADD_TENANT, **known, has_contact_data=has_contact_data)
        return None if former is None else bool(former["has_contact_data"])


def revoke_reader(engine: Engine, login: str, tenant_id: str | None) -> tuple[int, str]:
    """Revoke a tenant's rows from a login; without a tenant, revoke all tenants' rows and the role of a reader.

    The login need not exist any more. Roles belong to the server, so the login is no longer a reader of the server's
    other databases either.

    Returns:
        The number of tenants revoked, and the wider right with which the login still sees every tenant, if it has one.

    """
    with transaction(engine, "revoking a reader") as connection:
        require_owner(connection, "revoke rights")
        taken = execute(connection, _DROP_TENANTS, login=login, tenant=tenant_id).rowcount
        if tenant_id is None and _exists(connection, login):
            execute(connection, _REVOKE.format(sql.Identifier(READER), sql.Identifier(login)))
        return taken, next((each.right for each in _grants(connection) if _sees_all(each, login)), "")


def grant_writer(engine: Engine, login: str) -> None:
    """Let a login run the pipeline: it may read and write the rows of all tenants, but not change a table.

    Raises:
        LoginError: The role does not exist, is not a login of its own, or already has another right.

    """
    with transaction(engine, "granting a writer") as connection:
        require_owner(connection, "grant rights")
        _check_login(connection, login, WRITER)
        execute(connection, _GRANT.format(sql.Identifier(WRITER), sql.Identifier(login)))


def revoke_writer(engine: Engine, login: str) -> bool:
    """Revoke the rights of a writer from a login, or from a group that should not have them; return whether it had any.

    Raises:
        LoginError: The role does not exist, or is still a writer because of a grant that `grant_writer` did not make.

    """
    with transaction(engine, "revoking a writer") as connection:
        require_owner(connection, "revoke rights")
        if not _exists(connection, login):
            raise LoginError(login, "does not exist")
        was_writer = execute(connection, _IS_MEMBER, login=login, role=WRITER).fetchone() is not None
        execute(connection, _REVOKE.format(sql.Identifier(WRITER), sql.Identifier(login)))
        if execute(connection, _IS_MEMBER, login=login, role=WRITER).fetchone() is not None:
            problem = "is still a writer: by another role that it is a member of, by somebody else's grant, as owner"
            raise LoginError(login, f"{problem} or as a superuser")
        return was_writer


def grants(engine: Engine) -> list[Grant]:
    """Return all roles that may see rows, with the tenants that they see."""
    with transaction(engine, "listing the rights") as connection:
        require_owner(connection, "list rights")
        return _grants(connection)


def findings(connection: Connection) -> list[str]:
    """Return what is wrong with the rights of logins, as sentences. It needs no rights."""
    return [
        f"{row['login']} {problem}: every login that is a member of it has its rights. "
        f"Run `inn8 db revoke-{row['right']} {row['login']}`"
        if row["is_group"]
        else f"{row['login']} {problem}. Run `inn8 db revoke-reader {row['login']}`"
        for row in execute(connection, _SUSPECT)
        for problem in [f"is a group with the rights of a {row['right']}" if row["is_group"] else _BOTH]
    ]


def require_owner(connection: Connection, action: str) -> None:
    """Check that the current login is a member of the owner, and check the version of the schema.

    Raises:
        NotOwnerError: The login is not a member of `inn8_owner`.
        SchemaVersionError: The schema has another version than this code.

    """
    stranger = execute(connection, _IS_NO_OWNER).fetchone()
    if stranger is not None:
        raise NotOwnerError(stranger["login"], action)
    migrations.check(connection)


def _check_login(connection: Connection, login: str, right: str) -> None:
    row = execute(connection, _LOGIN, login=login, right=right).fetchone()
    if row is None:
        raise LoginError(login, "does not exist")
    problem = next(_problems(row, right), None)
    if problem:
        raise LoginError(login, problem)


def _problems(row: "dict[str, object]", right: str) -> Iterator[str]:
    if not row["can_login"]:
        yield "is a group and no login: its members would get the right too"
    if row["is_superuser"]:
        yield "sees every tenant's rows already: it is a superuser or bypasses row-level security"
    if row["wider"]:
        yield f"has wider rights already: it is a member of {row['wider']}"
    if row["other"]:
        known = "sees every tenant's rows already: it is a writer" if right == READER else "is a reader of some tenants"
        yield f"{known} (`inn8 db revoke-{'writer' if right == READER else 'reader'}` takes that away)"
    if row["members"]:
        yield f"has members ({row['members']}), who would get the right too"


def _grants(connection: Connection) -> list[Grant]:
    return [
        Grant(
            row["login"],
            row["right"],
            tuple(row["tenants"]) if row["right"] == "reader" else None,
            row["can_login"],
            tuple(row["without_contact"]) if row["right"] == "reader" else (),
        )
        for row in execute(connection, _GRANTS)
    ]


def _sees_all(grant: Grant, login: str) -> bool:
    return grant.login == login and grant.tenants is None


def _exists(connection: Connection, login: str) -> bool:
    return execute(connection, _EXISTS, login=login).fetchone() is not None


_EXISTS = sql.SQL("select 1 as found from pg_catalog.pg_roles where rolname = %(login)s")
_IS_NO_OWNER = sql.SQL("""
  select current_user::text as login from pg_catalog.pg_roles
   where rolname = 'inn8_owner' and not pg_has_role(oid, 'usage')
""")
_IS_MEMBER = sql.SQL("select 1 as found where pg_has_role(%(login)s, %(role)s, 'member')")
_GRANT = sql.SQL("grant {} to {} with inherit true, set false granted by inn8_owner")
_REVOKE = sql.SQL("revoke {} from {} granted by inn8_owner")
_DROP_FORMER = sql.SQL("""
  delete from inn8.tenant_readers where role_name = %(login)s and not pg_has_role(%(login)s, 'inn8_reader', 'member')
""")
_FORMER = sql.SQL(
    "select has_contact_data from inn8.tenant_readers where tenant_id = %(tenant)s and role_name = %(login)s"
)
_ADD_TENANT = sql.SQL("""
  insert into inn8.tenant_readers (tenant_id, role_name, has_contact_data)
  values (%(tenant)s, %(login)s, %(has_contact_data)s)
  on conflict (tenant_id, role_name) do update set has_contact_data = excluded.has_contact_data
""")
_DROP_TENANTS = sql.SQL("""
  delete from inn8.tenant_readers
   where role_name = %(login)s and (%(tenant)s::text is null or tenant_id = %(tenant)s::text)
""")
# `wider` has the roles that can read or write everything, and our own. A member of one cannot become reader or writer.
_LOGIN = sql.SQL("""
  select r.rolcanlogin as can_login, r.rolsuper or r.rolbypassrls as is_superuser,
         (select string_agg(w.rolname, ', ' order by w.rolname) from pg_catalog.pg_roles w
           where not r.rolsuper and w.oid <> r.oid and pg_has_role(r.oid, w.oid, 'member')
             and (w.rolsuper or w.rolbypassrls
                  or w.rolname in ('inn8_owner', 'inn8_views', 'pg_read_all_data', 'pg_write_all_data',
                                   'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')))
           as wider,
         not r.rolsuper and exists (
           select from pg_catalog.pg_roles o
            where o.rolname in ('inn8_reader', 'inn8_writer') and o.rolname <> %(right)s
              and pg_has_role(r.oid, o.oid, 'member')) as other,
         (select string_agg(m.member::regrole::text, ', ' order by m.member) from pg_catalog.pg_auth_members m
           where m.roleid = r.oid and (m.inherit_option or m.set_option)) as members
    from pg_catalog.pg_roles r
   where r.rolname = %(login)s
""")
_GRANTS = sql.SQL("""
  select r.rolname as login, r.rolcanlogin as can_login,
         case when r.rolsuper or r.rolbypassrls then 'superuser'
              when pg_has_role(r.oid, 'inn8_owner', 'member') then 'owner'
              when pg_has_role(r.oid, 'inn8_writer', 'member') then 'writer'
              else 'reader' end as right,
         array(select t.tenant_id::text from inn8.tenant_readers t where t.role_name = r.rolname::text
                order by 1) as tenants,
         array(select t.tenant_id::text from inn8.tenant_readers t
                where t.role_name = r.rolname::text and not t.has_contact_data order by 1) as without_contact
    from pg_catalog.pg_roles r
   where (r.rolsuper or r.rolbypassrls or pg_has_role(r.oid, 'inn8_owner', 'member')
          or pg_has_role(r.oid, 'inn8_writer', 'member') or pg_has_role(r.oid, 'inn8_reader', 'member'))
     and r.rolname not in ('inn8_owner', 'inn8_writer', 'inn8_reader')
   order by 3, 1
""")
_SUSPECT = sql.SQL("""
  select r.rolname as login, not r.rolcanlogin as is_group,
         case when pg_has_role(r.oid, 'inn8_writer', 'member') then 'writer' else 'reader' end as right
    from pg_catalog.pg_roles r
   where not r.rolsuper and r.rolname not in ('inn8_owner', 'inn8_views', 'inn8_writer', 'inn8_reader')
     and not pg_has_role(r.oid, 'inn8_owner', 'member')
     and (pg_has_role(r.oid, 'inn8_writer', 'member') or pg_has_role(r.oid, 'inn8_reader', 'member'))
     and (not r.rolcanlogin
          or (pg_has_role(r.oid, 'inn8_writer', 'member') and pg_has_role(r.oid, 'inn8_reader', 'member')))
   order by 1
""")
_BOTH = "is a reader and a writer, so it sees every tenant's rows"
