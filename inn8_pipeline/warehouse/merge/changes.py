"""The bound on mass changes: no merge changes or empties one column in more than a share of the rows that it covers.

A response that lacks a property, spells its values differently or multiplies them by 100 is valid record by record. What
gives it away is that it changes one column of nearly all rows at once. Nothing here writes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from inn8_pipeline.entities import DAY_COLUMN, UNKNOWN, AnyColumn, Column, Kind
from inn8_pipeline.errors import MassChangeError
from inn8_pipeline.warehouse.merge import watermarks
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.plan import MergePlan, Parent, name_of
from inn8_pipeline.warehouse.merge.results import sync_command

SAMPLED_ROWS = 2000
"""Rows of an entity that are compared first: comparing all of 50,000 costs nearly as much as merging them."""

LEAST_SAMPLED = 200
"""Rows that the sample must share with the table; with fewer, all rows are compared."""


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """The bound: of at least `minimum_rows` rows, no more than `percent` may change in one column at once.

    30 percent: a fault of INN8's concerns all records, or those of one server of two or three behind a load balancer (a
    third). The largest correction that is expected is that of two of the seven trading days of the look-back (29 %).
    New rows do not count, nor do values where there were none.
    """

    percent: int = 30
    minimum_rows: int = 20
    is_overridden: bool = False

    @property
    def is_off(self) -> bool:
        """Whether every change is allowed."""
        return self.is_overridden or self.percent >= 100  # noqa: PLR2004 (of a hundred)

    def forbids(self, changed: int, covered: int) -> bool:
        """Return whether so many changed values look like a fault of INN8's rather than like corrections."""
        return covered >= self.minimum_rows and changed * 100 > covered * self.percent


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A table, and the query of the rows that are to be merged into it (`rows`, with the condition `matching`).

    `day` is the table's column of days, if it has one. `prefix` goes before the columns' names in messages, `path`
    before the names of the properties that they are made from.
    """

    table: sql.Composable
    staged: str
    columns: tuple[AnyColumn, ...]
    rows: sql.Composable
    matching: sql.SQL
    day: str | None
    prefix: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    """Rows compared, values of a column that would change, and those of them that would become empty."""

    column: AnyColumn
    covered: int
    changed: int
    emptied: int


def check(context: MergeContext, limit: ChangeLimit, transform_version: int) -> None:
    """Compare the staged rows with those that they would replace, before anything is written.

    Rows that were merged by another version of the transform are left out: the new rules may change all of them.

    Raises:
        MassChangeError: A column would change in more rows than the limit allows. Or no staged row has a value in it,
            and at least `minimum_rows` would lose theirs.

    """
    if limit.is_off:
        return
    findings: dict[str, str] = {}
    for comparison in _comparisons(context):
        for change in _forbidden(context, limit, comparison, transform_version):
            findings[comparison.prefix + change.column.name] = _describe(context, comparison, change)
    if findings:
        rerun = sync_command(context.landing, "--allow-changes")
        raise MassChangeError(context.entity.name, findings, rerun)


def _comparisons(context: MergeContext) -> Iterator[_Comparison]:
    plan = context.plan
    for dimension, planned in zip(plan.entity.dimensions, plan.dimensions, strict=True):
        yield _Comparison(
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
        yield _Comparison(
            table=name_of(plan.table),
            staged="staged",
            columns=plan.entity.columns,
            rows=_entity_rows(plan),
            matching=sql.SQL(""),
            day=DAY_COLUMN if plan.has_days else None,
        )


_NEWEST = sql.SQL(
    "select distinct on (s.external_id) s.* from {} s order by s.external_id, s.trade_date desc, s.ordinal desc"
)
# As in `upsert.merge_dimension`.
_IS_NEWER = sql.SQL("and (s.trade_date > t.as_of_date or s.trade_date = t.as_of_date and s.ordinal >= 0)")
_ROWS = sql.SQL(
    """
    select s.external_id, {columns} from staged s
     where not exists (select from exclusions a where a.ordinal = s.ordinal)
    """
)
_KEY = sql.SQL(
    """
    case when {staged} is not null then coalesce(
      (select p.id from {table} p where p.tenant_id = %(tenant)s and p.external_id = {staged}), 0) end
    """
)


def _entity_rows(plan: MergePlan) -> sql.Composable:
    """Return the query of the rows that will be merged, with our keys."""
    keys = {parent.column: _key(parent) for parent in plan.parents}
    columns = [
        sql.SQL("{} as {}").format(keys.get(name, sql.Identifier("s", name)), sql.Identifier(name))
        for name in plan.values
    ]
    return _ROWS.format(columns=sql.SQL(", ").join(columns))


def _key(parent: Parent) -> sql.Composable:
    """Return our key of the parent; 0 where its row, of a dimension, is yet to be written."""
    return _KEY.format(staged=sql.Identifier("s", parent.staged), table=name_of(parent.table))


_OTHER_VERSIONS = sql.SQL(
    """
    select c.trade_date from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
     where c.tenant_id = %(tenant)s and c.entity = %(entity)s and l.transform_version is distinct from %(version)s
    """
)


def _forbidden(
    context: MergeContext, limit: ChangeLimit, comparison: _Comparison, transform_version: int
) -> list[_Change]:
    """Return the columns that would change too much. All rows are compared only where a sample gives reason to."""
    lost = _lost_columns(context, limit, comparison)
    one_in = max(context.landing.records // SAMPLED_ROWS, 1) if comparison.staged == "staged" else 1
    if not lost and not _is_suspicious(_compare(context, comparison, one_in=one_in), limit, one_in):
        return []
    other_days = [row["trade_date"] for row in context.run(_OTHER_VERSIONS, version=transform_version)]
    if other_days and comparison.day is None:
        return []
    return [
        change
        for change in _compare(context, comparison, other_days=other_days)
        if limit.forbids(change.changed, change.covered)
        or (change.column in lost and change.emptied >= limit.minimum_rows)
    ]


def _is_suspicious(changes: Sequence[_Change], limit: ChangeLimit, one_in: int) -> bool:
    """Return whether all rows must be compared. A sample that shows less than half of the bound clears the rest."""
    if one_in == 1:
        return any(limit.forbids(each.changed, each.covered) for each in changes)
    return any(each.covered < LEAST_SAMPLED or each.changed * 200 > each.covered * limit.percent for each in changes)


_IS_ANY_STAGED = sql.SQL("exists (select from {staged} s where {has_value})")
_COUNT_HELD = sql.SQL(
    """
    select count(*) from (
      select from {table} t where t.tenant_id = %(tenant)s and {has_value} and {within} limit %(enough)s) o
    """
)


def _lost_columns(context: MergeContext, limit: ChangeLimit, comparison: _Comparison) -> list[AnyColumn]:
    """Return the columns without a value in any staged row, but with some in `minimum_rows` rows of the table.

    Few rows may have a value at all, so that their share of the rows covered is below the bound.
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
        and limit.minimum_rows
        == context.count(
            _COUNT_HELD.format(table=comparison.table, has_value=_has_value(column, "t"), within=within),
            enough=limit.minimum_rows,
        )
    ]


_COMPARE = sql.SQL(
    """
    select count(*) as covered, array[{changed}] as changed, array[{emptied}] as emptied
      from ({rows}) s
      join {table} t on t.tenant_id = %(tenant)s and t.external_id = s.external_id {matching}
     where true {sample} {days}
    """
)
_COUNT = sql.SQL("count(*) filter (where {} and {})")
_IN_SAMPLE = sql.SQL("and hashtextextended(s.external_id, 0) %% %(one_in)s = 0")
_NOT_OF_OTHER_DAYS = sql.SQL("and {} <> all (%(other_days)s)")


def _compare(
    context: MergeContext, comparison: _Comparison, *, one_in: int = 1, other_days: Sequence[date] = ()
) -> list[_Change]:
    """Return the change of each column; of a sample of one row in `one_in`, without the rows of `other_days`."""
    statement = _COMPARE.format(
        changed=sql.SQL(", ").join(map(_count_changed, comparison.columns)),
        emptied=sql.SQL(", ").join(map(_count_emptied, comparison.columns)),
        rows=comparison.rows,
        table=comparison.table,
        matching=comparison.matching,
        sample=_IN_SAMPLE if one_in > 1 else sql.SQL(""),
        days=_NOT_OF_OTHER_DAYS.format(sql.Identifier("t", comparison.day or "")) if other_days else sql.SQL(""),
    )
    (row,) = context.run(statement, one_in=one_in, other_days=list(other_days))
    numbers = zip(comparison.columns, row["changed"], row["emptied"], strict=True)
    return [_Change(column, row["covered"], changed, emptied) for column, changed, emptied in numbers]


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
    """Return the condition that the column is neither null, nor empty, nor `unknown`."""
    if not isinstance(column, Column):
        return _IS_NOT_NULL.format(sql.Identifier(alias, column.staged if is_staged else column.name))
    name = sql.Identifier(alias, column.name)
    if column.source.kind in {Kind.DATE, Kind.DECIMAL}:
        return _IS_NOT_NULL.format(name)
    return _IS_NOT_EMPTY.format(name, sql.Literal(UNKNOWN if column.source.kind is Kind.CHOICE else ""))


def _describe(context: MergeContext, comparison: _Comparison, change: _Change) -> str:
    """Return what would happen to the column, without its name and without any value."""
    share = f"in {change.changed:,} of {change.covered:,} rows"
    if not change.emptied:
        return f"would change {share}"
    empty = "unknown" if change.column.source.kind is Kind.CHOICE else "empty"
    absent = _absent_properties(context, [comparison.path + path for path in change.column.source_paths])
    why = f" ({', '.join(absent)} is in none of the records)" if absent else ""
    if change.emptied == change.changed:
        return f"would become {empty} {share}{why}"
    return f"would change {share}, and become {empty} in {change.emptied:,} of them{why}"


_COUNT_SENT = sql.SQL(
    """
    select count(*) from (
      select from inn8_raw.landings l
        cross join lateral unnest(l.page_digests) as d (sha256)
        join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
        cross join lateral json_array_elements(p.body) as e (record)
       where l.tenant_id = %(tenant)s and l.id = %(landing)s and {property} is not null limit 1) o
    """
)
_PROPERTY = sql.SQL("inn8_raw.property({}, {})")


def _absent_properties(context: MergeContext, paths: Sequence[str]) -> list[str]:
    """Return the properties that are in no record of the landing: of `security.isin` perhaps `security` already."""
    is_sent: dict[str, bool] = {}
    for path in paths:
        names = path.split(".")
        for depth in range(1, len(names) + 1):
            prefix = ".".join(names[:depth])
            if prefix not in is_sent:
                is_sent[prefix] = bool(context.count(_COUNT_SENT.format(property=_property(names[:depth]))))
            if not is_sent[prefix]:
                break
    return [prefix for prefix, found in is_sent.items() if not found]


def _property(names: Sequence[str]) -> sql.Composable:
    value: sql.Composable = sql.SQL("e.record")
    for name in names:
        value = _PROPERTY.format(value, sql.Literal(name))
    return value
