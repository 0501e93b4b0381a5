"""Keep personal data from readers without contact data, and find rights that go around it.

`inn8 db grant-reader --without-contact` marks a login in `inn8.tenant_readers`. The columns of the views that a
declaration calls personal are null for it, and for every login that has no row there.
"""

from collections.abc import Iterator

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import ENTITIES, Dimension, Entity, table_columns
from inn8_pipeline.warehouse.database import execute

NULL_WITHOUT = "; null for readers without contact data"
"""What the comment of such a column of a view says, before its full stop."""


def personal_columns(declared: Entity | Dimension) -> frozenset[str]:
    """Return the names of the table's columns that hold personal data."""
    return frozenset(column.name for column in table_columns(declared) if column.is_personal)


def all_personal_columns() -> Iterator[str]:
    """Yield the qualified names of all columns that a reader without contact data finds empty."""
    for entity in ENTITIES:
        for declared in entity.declarations:
            yield from (f"{declared.name}.{each.name}" for each in table_columns(declared) if each.is_personal)


def masked(value: sql.Composable, tenant_id: sql.Composable) -> sql.Composable:
    """Return the value for whoever may see the tenant's contact data, and null for everybody else."""
    return _MASKED.format(value=value, tenant_id=tenant_id)


def comment(sentence: str) -> str:
    """Return the comment of a masked column."""
    return f"{sentence.removesuffix('.')}{NULL_WITHOUT}."


def findings(connection: Connection) -> list[str]:
    """Return the rights with which readers without contact data reach it, as sentences with the way out."""
    return [
        f"{row['login']} is a reader without contact data, but {row['problem']}"
        for row in execute(connection, _WAYS_AROUND)
    ]


# The subqueries run once per query. The policy of `tenant_readers` shows a view the rows of its own reader only.
_MASKED = sql.SQL(
    """case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or {tenant_id} = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then {value} end"""
)
# Membership counts in every form: with ADMIN alone, a login could grant itself INHERIT and SET.
_WAYS_AROUND = sql.SQL("""
  with readers as (
    select r.oid, r.rolname::text as login, w.oid as role_id, w.rolname::text as role,
           w.rolsuper or w.rolbypassrls as is_superuser
      from inn8.readers_without_contact_data() as n (login)
      join pg_catalog.pg_roles r on r.rolname::text = n.login
      join pg_catalog.pg_roles w on pg_has_role(r.oid, w.oid, 'member') and (w.oid = r.oid or not r.rolsuper))
  select login,
         case when role_id = oid then 'it is a superuser or bypasses row-level security: take that away'
              else format('it may act as %s, who sees more: run `revoke %I from %I` in psql', role, role, login) end
           as problem
    from readers
   where is_superuser
      or role in ('inn8_owner', 'inn8_views', 'inn8_writer', 'pg_read_all_data', 'pg_write_all_data',
                  'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
      or (role_id <> oid and role <> 'inn8_reader' and pg_has_role(role_id, 'inn8_reader', 'member'))
   union all
  select r.login, format('it may read the table %s itself: take away that right or the policy of the table',
                         c.oid::regclass)
    from readers r
    join pg_catalog.pg_class c on c.relnamespace in (select oid from pg_catalog.pg_namespace
                                                      where nspname in ('inn8', 'inn8_raw', 'inn8_history'))
         and c.relkind in ('r', 'p', 'm', 'f') and has_any_column_privilege(r.oid, c.oid, 'select')
   where r.role_id = r.oid and not r.is_superuser
     and (not c.relrowsecurity
          or exists (select from pg_catalog.pg_policy p cross join lateral unnest(p.polroles) as g (oid)
                      where p.polrelid = c.oid and p.polcmd in ('r', '*')
                        and (g.oid = 0 or pg_has_role(r.oid, g.oid, 'member'))))
   order by 1, 2
""")
