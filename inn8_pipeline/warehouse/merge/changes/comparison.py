"""Compare staged rows with the rows that they would replace, column by column."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from inn8_pipeline.entities import DAY_COLUMN, UNKNOWN, AnyColumn, Column, Kind
from inn8_pipeline.warehouse.merge import watermarks
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import MergePlan, Parent, name_of, names


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table, and the query of the rows that will be merged into it (`rows`, with the join condition `matching`).

    `day` is the day column of the table, if it has one. `may_sample` is set if there may be many rows, so that a sample
    is compared first. In messages, `prefix` precedes the names of columns and `path` the names of properties.
    """

    table: sql.Composable
    staged: str
    columns: tuple[AnyColumn, ...]
    rows: sql.Composable
    matching: sql.SQL
    day: str | None
    may_sample: bool = False
    prefix: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """The numbers of one column: rows compared, values that would change, and values that would become empty."""

    column: AnyColumn
    covered: int
    changed: int
    emptied: int


@dataclass(frozen=True, slots=True)
class ExemptDays:
    """The days whose rows are not compared.

    Attributes:
        merged: Staged rows of these days were merged from this landing before.
        other_version: Rows of these days in the table were made by another version of the transform.

    """

    merged: AbstractSet[date | None]
    other_version: AbstractSet[date | None]


def comparisons(context: MergeContext) -> Iterator[Comparison]:
    """Yield the comparisons of a merge: one for each dimension, and one for the entity's table if it has rows."""
    plan = context.plan
    for dimension, planned in zip(plan.entity.dimensions, plan.dimensions, strict=True):
        yield Comparison(
            table=name_of(planned.table),
            staged=planned.staged,
            columns=dimension.columns,
            rows=_NEWEST.format(sql.Identifier(planned.staged)),
            matching=_IS_NEWER,
            day="as_of_date",
            prefix=f"{dimension.name}.",
            path=f"{dimension.source}.",
        )
    if watermarks.has_rows(context):
        yield Comparison(
            table=name_of(plan.table),
            staged="staged",
            columns=plan.entity.columns,
            rows=_entity_rows(plan),
            matching=sql.SQL(""),
            day=DAY_COLUMN if plan.has_days else None,
            may_sample=True,
        )


_NEWEST = sql.SQL(
    "select distinct on (s.external_id) s.* from {} s order by s.external_id, s.trade_date desc, s.ordinal desc"
)
# The same condition as in `upsert.merge_dimension`.
_IS_NEWER = sql.SQL("and (s.trade_date > t.as_of_date or s.trade_date = t.as_of_date and s.ordinal >= 0)")
_ROWS = sql.SQL(
    """
    select s.external_id, {columns} from staged s
     where not exists (select from exclusions a where a.ordinal = s.ordinal)
     union all
    select m.external_id, {own_columns} from same_records m
      join {table} o on o.tenant_id = %(tenant)s and o.id = m.row_id
     where m.is_wanted
    """
)
_KEY = sql.SQL(
    """
    case when {staged} is not null then coalesce(
      (select p.id from {table} p where p.tenant_id = %(tenant)s and p.external_id = {staged}), 0) end
    """
)


def _entity_rows(plan: MergePlan) -> sql.Composable:
    """Return the query of the rows that will be merged, with the keys of their parents.

    Rows whose records have not changed are included, because the bound is a share of all rows.
    """
    keys = {parent.column: _key(parent) for parent in plan.parents}
    columns = [
        sql.SQL("{} as {}").format(keys.get(name, sql.Identifier("s", name)), sql.Identifier(name))
        for name in plan.values
    ]
    return _ROWS.format(
        columns=sql.SQL(", ").join(columns), own_columns=names(plan.values, "o"), table=name_of(plan.table)
    )


def _key(parent: Parent) -> sql.Composable:
    """Return the key of the parent; 0 for a row of a dimension that is not written yet."""
    return _KEY.format(staged=sql.Identifier("s", parent.staged), table=name_of(parent.table))


_IS_ANY_STAGED = sql.SQL("exists (select from {staged} s where {has_value})")
_IS_ANY_SAME = sql.SQL(
    """
    exists (select from same_records m join {table} t on t.tenant_id = %(tenant)s and t.id = m.row_id
             where m.is_wanted and {has_value})
    """
)
_COUNT_HELD = sql.SQL(
    """
    select count(*) from (
      select from {table} t where t.tenant_id = %(tenant)s and {has_value} and {within} limit %(enough)s) o
    """
)


def lost_columns(context: MergeContext, comparison: Comparison, minimum_rows: int) -> list[AnyColumn]:
    """Return the columns without a value in any staged row, but with one in at least `minimum_rows` rows of the table.

    Their share may be below the bound, if few rows have a value.
    """
    staged = sql.Identifier(comparison.staged)
    has_values = [
        _IS_ANY_STAGED.format(staged=staged, has_value=_has_value(column, "s", is_staged=True))
        for column in comparison.columns
    ]
    (row,) = context.run(sql.SQL("select array[{}] as is_sent").format(sql.SQL(", ").join(has_values)))
    within = sql.SQL("t.trade_date = any (%(days)s)" if comparison.day == DAY_COLUMN else "true")
    return [
        column
        for column, is_sent in zip(comparison.columns, row["is_sent"], strict=True)
        if not is_sent
        and minimum_rows
        == context.count(
            _COUNT_HELD.format(table=comparison.table, has_value=_has_value(column, "t"), within=within),
            enough=minimum_rows,
        )
        and not (comparison.may_sample and _is_any_same(context, comparison, column))
    ]


def _is_any_same(context: MergeContext, comparison: Comparison, column: AnyColumn) -> bool:
    """Return True if a record that is the same as before has a value for the column."""
    is_any = _IS_ANY_SAME.format(table=comparison.table, has_value=_has_value(column, "t"))
    return bool(context.count(sql.SQL("select {}").format(is_any)))


_COMPARE = sql.SQL(
    """
    select count(*) as covered, array[{changed}] as changed, array[{emptied}] as emptied
      from ({rows}) s
      join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id {matching}
     where true {sample} {not_merged} {of_this_version}
    """
)
_COUNT = sql.SQL("count(*) filter (where {} and {})")
_IN_SAMPLE = sql.SQL("and hashtextextended(s.external_id, 0) %% %(one_in)s = 0")
_NOT_MERGED = sql.SQL("and s.trade_date <> all (%(merged)s)")
_OF_THIS_VERSION = sql.SQL("and {} <> all (%(other_version)s)")


def compare(
    context: MergeContext, comparison: Comparison, exempt: ExemptDays, *, one_in: int = 1
) -> list[ColumnChange]:
    """Return the change of each column, in a sample of one row in `one_in`, without the rows of the exempt days."""
    statement = _COMPARE.format(
        changed=sql.SQL(", ").join(map(_count_changed, comparison.columns)),
        emptied=sql.SQL(", ").join(map(_count_emptied, comparison.columns)),
        rows=comparison.rows,
        table=comparison.table,
        matching=comparison.matching,
        sample=_IN_SAMPLE if one_in > 1 else sql.SQL(""),
        not_merged=_NOT_MERGED if exempt.merged else sql.SQL(""),
        of_this_version=_OF_THIS_VERSION.format(sql.Identifier("t", comparison.day or ""))
        if exempt.other_version
        else sql.SQL(""),
    )
    (row,) = context.run(statement, one_in=one_in, merged=list(exempt.merged), other_version=list(exempt.other_version))
    numbers = zip(comparison.columns, row["changed"], row["emptied"], strict=True)
    return [ColumnChange(column, row["covered"], changed, emptied) for column, changed, emptied in numbers]


def _count_changed(column: AnyColumn) -> sql.Composable:
    is_other = sql.SQL("{} is distinct from {}").format(
        sql.Identifier("s", column.name), sql.Identifier("t", column.name)
    )
    return _COUNT.format(_has_value(column, "t"), is_other)


def _count_emptied(column: AnyColumn) -> sql.Composable:
    return _COUNT.format(_has_value(column, "t"), sql.SQL("not ({})").format(_has_value(column, "s")))


_IS_NOT_NULL = sql.SQL("{} is not null")
_IS_NOT_EMPTY = sql.SQL("coalesce({}, '') not in ('', {})")


def _has_value(column: AnyColumn, alias: str, *, is_staged: bool = False) -> sql.Composable:
    """Return the condition that the column is not null, not empty and not `unknown`."""
    if not isinstance(column, Column):
        return _IS_NOT_NULL.format(sql.Identifier(alias, column.staged if is_staged else column.name))
    name = sql.Identifier(alias, column.name)
    if column.source.kind in {Kind.DATE, Kind.DECIMAL}:
        return _IS_NOT_NULL.format(name)
    return _IS_NOT_EMPTY.format(name, sql.Literal(UNKNOWN if column.source.kind is Kind.CHOICE else ""))
