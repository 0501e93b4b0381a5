"""Generate the statements that create an entity's tables, views and rights from its declaration.

`python -m inn8_pipeline.warehouse.schema.entity_ddl fees` prints them; copy them into the migration of the new entity.
With `--views` it prints only what a new column changes: the views, the history triggers and the `…_as_of` function. The
pipeline itself creates tables only by migrations.
"""

import argparse
import sys
from collections.abc import Iterator

from psycopg import sql
from sqlalchemy import Connection, DateTime, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from inn8_pipeline.entities import (
    DAY_COLUMN,
    DAY_PROPERTY,
    ENTITIES,
    Column,
    Dimension,
    DimensionReference,
    Entity,
    Reference,
)
from inn8_pipeline.entities.table_columns import table_columns
from inn8_pipeline.warehouse.database import Statement, execute
from inn8_pipeline.warehouse.schema import contact_data, history_ddl
from inn8_pipeline.warehouse.schema.landed_pages import pages_of
from inn8_pipeline.warehouse.schema.tables import HISTORY_SCHEMA, SCHEMA, history_of, table_of
from inn8_pipeline.warehouse.schema.views import details_view, raw_view, shown_name

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def create(connection: Connection, entity: Entity) -> None:
    """Create the tables, views and rights of an entity. The connection must act as the owner of the schemas."""
    for statement in statements(entity):
        execute(connection, statement)


def statements(entity: Entity) -> Iterator[Statement]:
    """Yield the statements in their order: tables, rights on them, views, rights on those."""
    yield from _table_statements(entity)
    for declared in entity.declarations:
        yield from history_ddl.trigger_statements(declared)
    yield from _create_views(entity)


def _table_statements(entity: Entity) -> Iterator[Statement]:
    for declared in entity.declarations:
        yield from _create_table(table_of(declared))
        yield from _protect(sql.Identifier(SCHEMA, declared.name), _MAINTAINED if declared is not entity else _WRITTEN)
        yield from history_table_statements(declared)
        yield from _statistics_statements(declared)


def _statistics_statements(declared: Entity | Dimension) -> Iterator[Statement]:
    """Yield the statements that keep personal data out of the planner's statistics, which all readers share."""
    for column in table_columns(declared):
        for schema in (SCHEMA, HISTORY_SCHEMA) if column.is_personal else ():
            table = sql.Identifier(schema, declared.name)
            yield _NO_STATISTICS.format(table=table, column=sql.Identifier(column.name))


_NO_STATISTICS = sql.SQL("alter table {table} alter column {column} set statistics 0")


def history_table_statements(declared: Entity | Dimension) -> Iterator[Statement]:
    """Yield the statements that create the table of past versions, and the rights on it."""
    table = history_of(declared)
    yield from _create_table(table)
    instants = [sql.Identifier(column.name) for column in table.c if isinstance(column.type, DateTime)]
    yield from _protect(sql.Identifier(HISTORY_SCHEMA, declared.name), _PAST.format(sql.SQL(", ").join(instants)))


def _create_table(table: Table) -> Iterator[Statement]:
    yield _text(str(CreateTable(table).compile(dialect=_DIALECT)))
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield _text(str(CreateIndex(index).compile(dialect=_DIALECT)))


def view_statements(entity: Entity) -> Iterator[Statement]:
    """Yield the statements that create triggers, views and the `…_as_of` function, all of which list the columns.

    They drop or replace earlier versions. A new column may hold personal data, hence its statistics too.
    """
    for declared in entity.declarations:
        yield from _statistics_statements(declared)
    for declared in reversed(entity.declarations):
        yield from history_ddl.drop_statements(declared)
    for view in (details_view(entity), raw_view(entity)):
        yield sql.SQL("drop view {}").format(sql.Identifier(*view.name.split(".")))
    for declared in entity.declarations:
        yield from history_ddl.trigger_statements(declared)
    yield from _create_views(entity)


def _create_views(entity: Entity) -> Iterator[Statement]:
    yield sql.SQL("grant create on schema inn8, inn8_raw to inn8_views")
    for view, query in ((details_view(entity), _details(entity)), (raw_view(entity), _raw(entity))):
        name = sql.Identifier(*view.name.split("."))
        yield sql.SQL("create view {} as {}").format(name, query)
        yield sql.SQL("alter view {} owner to inn8_views").format(name)
        yield sql.SQL("grant select on {} to inn8_writer, inn8_reader").format(name)
    for declared in entity.declarations:
        yield from history_ddl.view_statements(declared)
    yield sql.SQL("revoke create on schema inn8, inn8_raw from inn8_views")


def _text(statement: str) -> sql.SQL:
    """Return a statement that SQLAlchemy has compiled from our own metadata."""
    return sql.SQL(statement.strip())


_WRITTEN = sql.SQL("select, insert, update")
_MAINTAINED = sql.SQL("select, insert, update, maintain")
# Only the triggers write past versions. The maintenance job deletes old ones, and `heal-clock` moves their instants.
_PAST = sql.SQL("select, delete, update ({})")


def _protect(table: sql.Identifier, rights: sql.Composable) -> Iterator[Statement]:
    """Yield the statements for row-level security and rights: writers see all rows, views what their reader may see."""
    for statement in (
        "alter table {table} owner to inn8_owner",
        "alter table {table} enable row level security",
        "create policy writer on {table} to inn8_writer using (true) with check (true)",
        "create policy views on {table} for select to inn8_views using ({visible})",
        "grant {rights} on {table} to inn8_writer",
        "grant select on {table} to inn8_views",
    ):
        yield sql.SQL(statement).format(table=table, visible=_VISIBLE, rights=rights)


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
        yield history_ddl.value_of(entity, column.name, "t", column.name)
        if not isinstance(column, Column):
            yield _as(sql.Identifier(column.name, "external_id"), column.staged)
            for name in column.shown:
                yield history_ddl.value_of(column.parent, name, column.name, shown_name(column.name, name))


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
    """Yield the conditions under which a row, or a row that it refers to, is hidden."""
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
# The last merged landing, or the last confirmation of the row if that landing did not confirm it (rejected, missing,
# unconfirmed).
_DETAILS = sql.SQL(
    """
    select t.tenant_id, t.id, t.external_id, {columns}, t.missing_since, t.removed_at, t.created_at, t.updated_at,
           case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
                when t.missing_since is not null then t.as_of_at
                when u.row_id is not null then u.confirmed_at
                else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at,
           t.landing_id, t.valid_from
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
        entity=sql.Literal(entity.name),
        pages=pages_of("l"),
        property=sql.Literal(DAY_PROPERTY),
        day=sql.Identifier(DAY_COLUMN),
        record=contact_data.masked(
            sql.Identifier("o" if entity.has_days else "e", "record"),
            sql.Identifier("o" if entity.has_days else "l", "tenant_id"),
        ),
    )


_RAW = sql.SQL(
    """
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.place as page, e.place, {record} as record
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id {pages}
      join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
     where c.entity = {entity}
    """
)
# A landing of many days is read once. A record is shown if its landing is the watermark of its day.
_RAW_OF_DAYS = sql.SQL(
    """
    select o.tenant_id, o.landing_id, o.as_of_at, o.page, o.place, v.trade_date as {day}, {record} as record
      from (
        select l.tenant_id, l.id as landing_id, l.as_of_at, d.place as page, e.place, e.record,
               left(inn8_raw.property(e.record, {property}) #>> array[]::text[], 10) as day
          from (select distinct tenant_id, landing_id from inn8.sync_coverage where entity = {entity}) c
          join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id {pages}
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
    parser.add_argument(
        "--views",
        action="store_true",
        help="only what a new column changes: views, triggers, the function of an instant",
    )
    arguments = parser.parse_args()
    write = view_statements if arguments.views else statements
    lines = (f"{statement.as_string()};\n" for statement in write(ENTITIES.named(arguments.entity)))
    sys.stdout.writelines(lines)


if __name__ == "__main__":
    main()
