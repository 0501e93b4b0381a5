"""Generate the statements that create the history of an entity's tables: triggers, views and `…_as_of` functions.

`entity_ddl` includes them. A row trigger sets `valid_from` of each changed row (`inn8_history.date_version`, shared by
all tables). A statement trigger copies the replaced versions. No writer can bypass them. If neither a
merge nor an erasure made the change, the table is no longer as the landings say, so none of them is repeatable.
"""

from collections.abc import Iterator

from psycopg import sql

from inn8_pipeline.entities import (
    ENTITIES,
    Column,
    Dimension,
    DimensionReference,
    Entity,
    Reference,
    table_columns,
    value_columns,
)
from inn8_pipeline.warehouse.database import Statement
from inn8_pipeline.warehouse.schema import contact_data
from inn8_pipeline.warehouse.schema.tables import ENDED_COLUMNS, HISTORY_SCHEMA, SCHEMA, TENANT
from inn8_pipeline.warehouse.schema.views import as_of_name, history_name, shown_name

VERSION_COLUMNS = ("landing_id", "valid_from")
_MARKS = ("missing_since", "removed_at", "hidden_since")
_KEY_TYPES = {TENANT: sql.SQL('text collate "C"'), "external_id": sql.SQL('text collate "C"')}


def trigger_statements(declared: Entity | Dimension) -> Iterator[Statement]:
    """Yield the function that stores the replaced versions of a table, and the table's triggers."""
    function = sql.Identifier(HISTORY_SCHEMA, f"keep_{declared.name}")
    columns = [each.name for each in table_columns(declared)]
    known = {
        "function": function,
        "table": sql.Identifier(SCHEMA, declared.name),
        "history": sql.Identifier(HISTORY_SCHEMA, declared.name),
        "columns": _list(columns),
        "old_columns": _list(columns, "o"),
        "is_changed": _is_changed(declared, "o", "n"),
        "is_updated": _is_changed(declared, "old", "new"),
        "entities": sql.Literal([each.name for each in _writers(declared)]),
        "reason": _REASON_OF_ENTITY if isinstance(declared, Entity) else _REASON_OF_DIMENSION,
    }
    for statement in (_KEEP, _REVOKE, _DATE, _ON_UPDATE, _ON_DELETE, _ON_TRUNCATE):
        yield statement.format(**known)


def _writers(declared: Entity | Dimension) -> Iterator[Entity]:
    """Yield the entities whose merges write the table."""
    if isinstance(declared, Entity):
        yield declared
    else:
        yield from (each for each in ENTITIES if declared in each.dimensions)


def view_statements(declared: Entity | Dimension) -> Iterator[Statement]:
    """Yield the view of all versions with its rights, and for an entity the `…_as_of` function."""
    view = sql.Identifier(*history_name(declared).split("."))
    yield sql.SQL("create view {} as {}").format(view, _history(declared))
    yield sql.SQL("alter view {} owner to inn8_views").format(view)
    yield sql.SQL("grant select on {} to inn8_writer, inn8_reader").format(view)
    if isinstance(declared, Entity):
        yield from _function_statements(declared)


def drop_statements(declared: Entity | Dimension) -> Iterator[Statement]:
    """Yield the statements that drop what `view_statements` creates."""
    if isinstance(declared, Entity):
        yield sql.SQL("drop function {}(timestamptz)").format(sql.Identifier(SCHEMA, f"{declared.name}_as_of"))
        yield sql.SQL("drop type {}").format(sql.Identifier(*as_of_name(declared).split(".")))
    yield sql.SQL("drop view {}").format(sql.Identifier(*history_name(declared).split(".")))


def _list(names: "list[str] | tuple[str, ...]", alias: str | None = None) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(alias, each) if alias else sql.Identifier(each) for each in names)


def _is_changed(declared: Entity | Dimension, old: str, new: str) -> sql.Composable:
    """Return the condition that a value from INN8 has changed, or that the row became missing, removed or hidden."""
    return sql.SQL("({}) is distinct from ({})").format(_compared(declared, old), _compared(declared, new))


def _compared(declared: Entity | Dimension, alias: str) -> sql.Composable:
    marks = [each.name for each in table_columns(declared) if each.name in _MARKS]
    values = [sql.Identifier(alias, name) for name in ("external_id", *value_columns(declared))]
    return sql.SQL(", ").join([*values, *(sql.SQL("{} is null").format(sql.Identifier(alias, each)) for each in marks)])


# Nested loops are off, because the plan is made once per session, perhaps for an update of no row, and used again.
_KEEP = sql.SQL(
    """
create or replace function {function}() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_nestloop = off as $$
declare
  dated timestamptz := nullif(current_setting('inn8.changed_at', true), '')::timestamptz;
  changed_at timestamptz := coalesce(dated, statement_timestamp());
  landing bigint := nullif(current_setting('inn8.changed_by_landing', true), '')::bigint;
  run text := nullif(current_setting('inn8.changed_by_run', true), '');
  by_whom text := coalesce(nullif(current_setting('inn8.change_reason', true), ''), 'edited by hand');
begin
  if tg_op = 'UPDATE' then
    insert into {history} ({columns}, valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select {old_columns}, coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom {reason} else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and {is_changed};
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ({entities}) and tenant_id in (select tenant_id from old_rows);
    end if;
  elsif tg_op = 'DELETE' then
    insert into {history} ({columns}, valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select {old_columns}, greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ({entities}) and tenant_id in (select tenant_id from old_rows);
    end if;
  else
    insert into {history} ({columns}, valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select {old_columns}, greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from {table} o;
    update inn8_raw.landings set is_repeatable = false where is_repeatable and entity = any ({entities});
  end if;
  return null;
end
$$"""
)
_REASON_OF_ENTITY = sql.SQL(
    """
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived'"""
)
_REASON_OF_DIMENSION = sql.SQL("")
_REVOKE = sql.SQL("revoke all on function {function}() from public")
_DATE = sql.SQL(
    """
create or replace trigger date_version before update on {table} for each row
when ({is_updated}) execute function inn8_history.date_version()"""
)
_ON_UPDATE = sql.SQL(
    """
create or replace trigger keep_updated after update on {table} referencing old table as old_rows new table as new_rows
for each statement execute function {function}()"""
)
_ON_DELETE = sql.SQL(
    """
create or replace trigger keep_deleted after delete on {table} referencing old table as old_rows
for each statement execute function {function}()"""
)
_ON_TRUNCATE = sql.SQL(
    """
create or replace trigger keep_truncated before truncate on {table}
for each statement execute function {function}()"""
)


def _history(declared: Entity | Dimension) -> sql.Composable:
    """Return the query of all versions: the current rows, which have no end, and the past ones."""
    columns = [each.name for each in table_columns(declared)]
    is_shown = sql.SQL("where t.hidden_since is null" if "hidden_since" in columns else "")
    return _HISTORY.format(
        shown=sql.SQL(", ").join(_history_columns(declared)),
        columns=_list(columns, "t"),
        ended=_list(ENDED_COLUMNS, "t"),
        table=sql.Identifier(SCHEMA, declared.name),
        history=sql.Identifier(HISTORY_SCHEMA, declared.name),
        is_shown=is_shown,
        parents=sql.SQL("").join(_join(each, SCHEMA, "left") for each in _keys(declared)),
    )


# The condition is outside of the union, because inside it the planner could not use an index in a join.
_HISTORY = sql.SQL(
    """
    select {shown}
      from (select {columns}, null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from {table} t
             union all
            select {columns}, {ended} from {history} t) t {parents} {is_shown}
    """
)


def _history_columns(declared: Entity | Dimension) -> Iterator[sql.Composable]:
    for name in (TENANT, "id", "external_id"):
        yield sql.Identifier("t", name)
    for column in declared.columns:
        yield value_of(declared, column.name, "t", column.name)
        if not isinstance(column, Column):
            yield _as(sql.Identifier(column.name, "external_id"), column.staged)
    for name in (*_ends(declared), *VERSION_COLUMNS, *ENDED_COLUMNS):
        yield sql.Identifier("t", name)


def _ends(declared: Entity | Dimension) -> tuple[str, ...]:
    marks = ("missing_since", "removed_at") if isinstance(declared, Entity) else ("as_of_date",)
    return (*marks, "created_at", "updated_at")


def _keys(declared: Entity | Dimension) -> "list[Reference | DimensionReference]":
    return [column for column in declared.columns if not isinstance(column, Column)]


def value_of(declared: Entity | Dimension, name: str, alias: str, shown: str) -> sql.Composable:
    """Return a column of a view: the value of a table's column, masked if that holds personal data."""
    value: sql.Composable = sql.Identifier(alias, name)
    if name in contact_data.personal_columns(declared):
        value = contact_data.masked(value, sql.Identifier("t", TENANT))
    elif name == shown:
        return value
    return sql.SQL("{} as {}").format(value, sql.Identifier(shown))


def _as(column: sql.Identifier, name: str) -> sql.Composable:
    return sql.SQL("{} as {}").format(column, sql.Identifier(name))


def _join(key: Reference | DimensionReference, schema: str, outer: str) -> sql.Composable:
    return sql.SQL(
        " {outer} join {table} as {alias} on {alias}.tenant_id = t.tenant_id and {alias}.id = t.{key}"
    ).format(
        outer=sql.SQL(outer),
        table=sql.Identifier(schema, key.parent.name),
        alias=sql.Identifier(key.name),
        key=sql.Identifier(key.name),
    )


def _function_statements(entity: Entity) -> Iterator[Statement]:
    known = {
        "type": sql.Identifier(*as_of_name(entity).split(".")),
        "columns": sql.SQL(", ").join(_typed_columns(entity)),
        "function": sql.Identifier(SCHEMA, f"{entity.name}_as_of"),
        "shown": sql.SQL(", ").join(_as_of_columns(entity)),
        "view": sql.Identifier(*history_name(entity).split(".")),
        "parents": sql.SQL("").join(_join_as_of(each) for each in _keys(entity)),
        "is_valid": _IS_VALID.format(sql.Identifier("t")),
        "comment": sql.Literal(
            f"The {entity.name} as they were at an instant, joined like inn8.{entity.singular}_details."
        ),
    }
    for statement in (_CREATE_TYPE, _CREATE_FUNCTION, _REVOKE_AS_OF, _GRANT_AS_OF, _COMMENT_AS_OF):
        yield statement.format(**known)


# A composite type keeps the collation of the keys. `returns table` would lose it, and could not use the indexes.
_CREATE_TYPE = sql.SQL("create type {type} as ({columns})")
# The function is no security definer and has no settings of its own, so that the planner can inline it.
_CREATE_FUNCTION = sql.SQL(
    """
create function {function}(instant timestamptz) returns setof {type} language sql stable parallel safe as $$
  select {shown}
    from {view} t {parents}
   where {is_valid}
$$"""
)
_REVOKE_AS_OF = sql.SQL("revoke all on function {function}(timestamptz) from public")
_GRANT_AS_OF = sql.SQL("grant execute on function {function}(timestamptz) to inn8_writer, inn8_reader")
_COMMENT_AS_OF = sql.SQL("comment on function {function}(timestamptz) is {comment}")
_IS_VALID = sql.SQL("{0}.valid_from <= instant and ({0}.valid_to is null or {0}.valid_to > instant)")
_JOIN_AS_OF = sql.SQL(
    """
    {outer} join {view} as {alias} on {alias}.tenant_id = t.tenant_id and {alias}.id = t.{alias}
         and {is_valid}"""
)


def _join_as_of(key: Reference | DimensionReference) -> sql.Composable:
    """Return the join with the parent as of the instant. It omits rows of hidden parents.

    If the parent has parents itself, its own `…_as_of` function is joined, which omits rows of hidden parents too.
    """
    view: sql.Composable = sql.Identifier(*history_name(key.parent).split("."))
    if isinstance(key, Reference) and any(each.parent.references for each in key.parent.references):
        view = sql.SQL("{}(instant)").format(sql.Identifier(SCHEMA, f"{key.parent.name}_as_of"))
    return _JOIN_AS_OF.format(
        outer=sql.SQL("left" if key.is_nullable else ""),
        view=view,
        alias=sql.Identifier(key.name),
        is_valid=_IS_VALID.format(sql.Identifier(key.name)),
    )


def _as_of_columns(entity: Entity) -> Iterator[sql.Composable]:
    for name in (TENANT, "id", "external_id"):
        yield sql.Identifier("t", name)
    for column in entity.columns:
        yield sql.Identifier("t", column.name)
        if not isinstance(column, Column):
            yield _as(sql.Identifier(column.name, "external_id"), column.staged)
            for name in column.shown:
                yield _as(sql.Identifier(column.name, name), shown_name(column.name, name))
    for name in (*_ends(entity), *VERSION_COLUMNS, "valid_to"):
        yield sql.Identifier("t", name)


def _typed_columns(entity: Entity) -> Iterator[sql.Composable]:
    own = {each.name: each.type for each in table_columns(entity)} | {"valid_to": "timestamptz"}
    for name in (TENANT, "id", "external_id"):
        yield _typed(name, name, own[name])
    for column in entity.columns:
        yield _typed(column.name, column.name, own[column.name])
        if not isinstance(column, Column):
            yield _typed(column.staged, "external_id", "text")
            types = {each.name: each.type for each in table_columns(column.parent)}
            for name in column.shown:
                yield _typed(shown_name(column.name, name), name, types[name])
    for name in (*_ends(entity), *VERSION_COLUMNS, "valid_to"):
        yield _typed(name, name, own[name])


def _typed(name: str, origin: str, kind: str) -> sql.Composable:
    return sql.SQL("{} {}").format(sql.Identifier(name), _KEY_TYPES.get(origin, sql.SQL(kind)))
