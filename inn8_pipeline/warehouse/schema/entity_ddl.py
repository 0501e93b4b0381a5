"""Generate the statements that create an entity's tables, views and rights from its declaration.

`python -m inn8_pipeline.warehouse.schema.entity_ddl fees` prints them; copy them into the migration of the new entity.
With `--views` it prints only those of the views, for a new column. The pipeline itself creates tables only by
migrations.
"""

import argparse
import sys
from collections.abc import Iterator

from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from inn8_pipeline.entities import (
    DAY_COLUMN,
    DAY_PROPERTY,
    ENTITIES,
    Column,
    DimensionReference,
    Entity,
    Reference,
)
from inn8_pipeline.warehouse.database import Statement, execute
from inn8_pipeline.warehouse.schema.tables import SCHEMA, table_of
from inn8_pipeline.warehouse.schema.views import details_view, raw_view, shown_name

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def create(connection: Connection, entity: Entity) -> None:
    """Create the tables, views and rights of an entity. The connection must act as the owner of the schemas."""
    for statement in statements(entity):
        execute(connection, statement)


def statements(entity: Entity) -> Iterator[Statement]:
    """Yield the statements in their order: tables, rights on them, views, rights on those."""
    yield from _table_statements(entity)
    yield from view_statements(entity)


def _table_statements(entity: Entity) -> Iterator[Statement]:
    for declared in entity.declarations:
        table = table_of(declared)
        yield _text(str(CreateTable(table).compile(dialect=_DIALECT)))
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            yield _text(str(CreateIndex(index).compile(dialect=_DIALECT)))
        yield from _protect(sql.Identifier(SCHEMA, declared.name), may_maintain=declared is not entity)


def view_statements(entity: Entity) -> Iterator[Statement]:
    """Yield the statements that create the views of an entity, and the rights on them."""
    yield sql.SQL("grant create on schema inn8, inn8_raw to inn8_views")
    for view, query in ((details_view(entity), _details(entity)), (raw_view(entity), _raw(entity))):
        name = sql.Identifier(*view.name.split("."))
        yield sql.SQL("create view {} as {}").format(name, query)
        yield sql.SQL("alter view {} owner to inn8_views").format(name)
        yield sql.SQL("grant select on {} to inn8_writer, inn8_reader").format(name)
    yield sql.SQL("revoke create on schema inn8, inn8_raw from inn8_views")


def _text(statement: str) -> sql.SQL:
    """Return a statement that SQLAlchemy has compiled from our own metadata."""
    return sql.SQL(statement.strip())


def _protect(table: sql.Identifier, *, may_maintain: bool) -> Iterator[Statement]:
    """Yield the statements for row-level security: the writer sees all rows, a view those that its reader may see."""
    maintain = sql.SQL(", maintain") if may_maintain else sql.SQL("")
    for statement in (
        "alter table {table} owner to inn8_owner",
        "alter table {table} enable row level security",
        "create policy writer on {table} to inn8_writer using (true) with check (true)",
        "create policy views on {table} for select to inn8_views using ({visible})",
        "grant select, insert, update{maintain} on {table} to inn8_writer",
        "grant select on {table} to inn8_views",
    ):
        yield sql.SQL(statement).format(table=table, visible=_VISIBLE, maintain=maintain)


_VISIBLE = sql.SQL(
    """
    (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
    or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
    """
)


def _details(entity: Entity) -> sql.Composable:
    """Return the query of the details view."""
    keys = [column for column in entity.columns if not isinstance(column, Column)]
    return _DETAILS.format(
        columns=sql.SQL(", ").join(_details_columns(entity)),
        table=sql.Identifier(SCHEMA, entity.name),
        entity=sql.Literal(entity.name),
        day=sql.SQL("s.trade_date = t.trade_date" if entity.has_days else "s.trade_date is null"),
        parents=sql.SQL("").join(_join(each) for each in keys),
        hidden=sql.SQL(" or ").join(_is_hidden(entity, "t")) if entity.references else sql.SQL("false"),
    )


def _details_columns(entity: Entity) -> Iterator[sql.Composable]:
    for column in entity.columns:
        yield sql.Identifier("t", column.name)
        if not isinstance(column, Column):
            yield _as(sql.Identifier(column.name, "external_id"), column.staged)
            for name in column.shown:
                yield _as(sql.Identifier(column.name, name), shown_name(column.name, name))


def _as(column: sql.Identifier, name: str) -> sql.Composable:
    return sql.SQL("{} as {}").format(column, sql.Identifier(name))


def _join(key: Reference | DimensionReference) -> sql.Composable:
    return sql.SQL(
        " {outer} join {table} as {alias} on {alias}.tenant_id = t.tenant_id and {alias}.id = t.{key}"
    ).format(
        outer=sql.SQL("left") if key.is_nullable else sql.SQL(""),
        table=sql.Identifier(SCHEMA, key.parent.name),
        alias=sql.Identifier(key.name),
        key=sql.Identifier(key.name),
    )


def _is_hidden(entity: Entity, alias: str) -> Iterator[sql.Composable]:
    """Yield the conditions that a row is hidden, or a row that it refers to."""
    yield sql.SQL("{} is not null").format(sql.Identifier(alias, "hidden_since"))
    for each in entity.references:
        if each.parent.references:
            parent = f"{alias}_{each.name}"
            yield _IS_ANY_HIDDEN.format(
                table=sql.Identifier(SCHEMA, each.parent.name),
                parent=sql.Identifier(parent),
                row=sql.Identifier(alias),
                key=sql.Identifier(each.name),
                is_hidden=sql.SQL(" or ").join(_is_hidden(each.parent, parent)),
            )


_IS_ANY_HIDDEN = sql.SQL(
    """exists (select from {table} as {parent}
                where {parent}.tenant_id = {row}.tenant_id and {parent}.id = {row}.{key} and ({is_hidden}))"""
)
# If the last merged landing did not confirm the row (rejected, missing, unconfirmed), the row's own last confirmation.
_DETAILS = sql.SQL(
    """
    select t.tenant_id, t.id, t.external_id, {columns}, t.missing_since, t.removed_at, t.created_at, t.updated_at,
           case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
                when t.missing_since is not null then t.as_of_at
                when u.row_id is not null then u.confirmed_at
                else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at
      from {table} t {parents}
      left join inn8.sync_state s on s.tenant_id = t.tenant_id and s.entity = {entity} and {day}
      left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = {entity}
           and r.record_key = t.external_id and r.resolved_at is null
      left join inn8.unconfirmed_rows u on u.tenant_id = t.tenant_id and u.entity = {entity} and u.row_id = t.id
     where not ({hidden})
    """
)


def _raw(entity: Entity) -> sql.Composable:
    """Return the query of the view of the records as INN8 sent them."""
    query = _RAW_OF_DAYS if entity.has_days else _RAW
    return query.format(
        entity=sql.Literal(entity.name), property=sql.Literal(DAY_PROPERTY), day=sql.Identifier(DAY_COLUMN)
    )


_RAW = sql.SQL(
    """
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, e.record
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
      cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
      join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
     where c.entity = {entity}
    """
)
# A landing of many days is read once; a record is shown if the landing is the watermark of its day.
_RAW_OF_DAYS = sql.SQL(
    """
    select o.tenant_id, o.landing_id, o.as_of_at, o.page, o.place, v.trade_date as {day}, o.record
      from (
        select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, e.record,
               left(inn8_raw.property(e.record, {property}) #>> array[]::text[], 10) as day
          from (select distinct tenant_id, landing_id from inn8.sync_coverage where entity = {entity}) c
          join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
          cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
          join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
          cross join lateral json_array_elements(p.body) with ordinality as e (record, place)) o
      join inn8.sync_coverage v on v.tenant_id = o.tenant_id and v.landing_id = o.landing_id
           and v.entity = {entity} and to_char(v.trade_date, 'YYYY-MM-DD') = o.day
    """
)


def main() -> None:
    """Print the statements of the entity that the command line names."""
    parser = argparse.ArgumentParser(description="Print the SQL that creates an entity's tables, views and rights.")
    parser.add_argument("entity", help="the name of a declared entity")
    parser.add_argument("--views", action="store_true", help="only the views and the rights on them")
    arguments = parser.parse_args()
    write = view_statements if arguments.views else statements
    lines = (f"{statement.as_string()};\n" for statement in write(ENTITIES.named(arguments.entity)))
    sys.stdout.writelines(lines)


if __name__ == "__main__":
    main()
