"""The bound on mass changes: no merge changes or empties a column in more than a certain share of its rows.

If INN8 omits a property, spells its values differently or multiplies them by 100, each single record is still valid.
The only sign of the mistake is that a column changes in nearly all rows at once. This module writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from inn8_pipeline.entities import Kind
from inn8_pipeline.errors import MassChangeError
from inn8_pipeline.warehouse.merge import watermarks
from inn8_pipeline.warehouse.merge.changes.comparison import (
    ColumnChange,
    Comparison,
    ExemptDays,
    compare,
    comparisons,
    lost_columns,
)
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.results import sync_command
from inn8_pipeline.warehouse.schema.landed_pages import pages_of

SAMPLED_ROWS = 1000
"""The size of the sample of rows that is compared first. In a merge of 3 to 6 s, comparing all 50,000 rows took 0.3 s,
comparing the sample 0.1 s."""

LEAST_SAMPLED = 200
"""How many rows of the sample must be in the table. If there are fewer, all rows are compared."""


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """The bound: one column may change in at most `percent` of the rows. It does not apply to few rows.

    Why 30 percent: a mistake of INN8 affects all records, or those of one of two or three servers behind a load
    balancer (a third). The largest correction to expect is that of two of the seven trading days of the look-back
    (29 %). New rows do not count, nor do values in columns that were empty.
    """

    percent: int = 30
    minimum_rows: int = 20
    is_overridden: bool = False

    @property
    def is_off(self) -> bool:
        """True if every change is allowed."""
        return self.is_overridden or self.percent >= 100  # noqa: PLR2004 (of a hundred)

    def forbids(self, changed: int, covered: int) -> bool:
        """Return True if more values change than the bound allows, which suggests a mistake of INN8."""
        return covered >= self.minimum_rows and changed * 100 > covered * self.percent


def check(context: MergeContext, limit: ChangeLimit, transform_version: int) -> None:
    """Compare the staged rows with the rows that they would replace, before anything is written.

    Rows that were made by another version of the transform are not compared, because the new rules may change all of
    them. Nor are the rows of days that were last merged from this landing, so that a rebuild from it can restore a
    damaged table. The rows of all other days are compared.

    Raises:
        MassChangeError: A column would change in more rows than the limit allows, or at least `minimum_rows` rows would
            lose their values in a column that has none in any staged row.

    """
    if limit.is_off:
        return
    merged = watermarks.merged_days(context)
    if merged >= ({None} if context.days is None else context.days):
        return
    other_version = frozenset(row["trade_date"] for row in context.run(_OTHER_VERSIONS, version=transform_version))
    if None in other_version:
        return
    exempt = ExemptDays(merged, other_version)
    findings: dict[str, str] = {}
    for comparison in comparisons(context):
        for change in _forbidden(context, limit, comparison, exempt):
            findings[comparison.prefix + change.column.name] = _describe(context, comparison, change)
    if findings:
        rerun = sync_command(context.landing, "--allow-changes")
        raise MassChangeError(context.entity.name, findings, rerun)


_OTHER_VERSIONS = sql.SQL(
    """
    select c.trade_date from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
     where c.tenant_id = %(tenant)s and c.entity = %(entity)s and l.transform_version is distinct from %(version)s
    """
)


def _forbidden(
    context: MergeContext, limit: ChangeLimit, comparison: Comparison, exempt: ExemptDays
) -> list[ColumnChange]:
    """Return the columns that would change in too many rows. Compare all rows only if the sample is suspicious."""
    lost = lost_columns(context, comparison, limit.minimum_rows)
    one_in = max(context.landing.records // SAMPLED_ROWS, 1) if comparison.may_sample else 1
    if not lost and not _is_suspicious(compare(context, comparison, exempt, one_in=one_in), limit, one_in):
        return []
    return [
        change
        for change in compare(context, comparison, exempt)
        if limit.forbids(change.changed, change.covered)
        or (change.column in lost and change.emptied >= limit.minimum_rows)
    ]


def _is_suspicious(changes: Sequence[ColumnChange], limit: ChangeLimit, one_in: int) -> bool:
    """Return True if all rows must be compared: the sample is small, or it has more than half of the bound."""
    if one_in == 1:
        return any(limit.forbids(each.changed, each.covered) for each in changes)
    return any(each.covered < LEAST_SAMPLED or each.changed * 200 > each.covered * limit.percent for each in changes)


def _describe(context: MergeContext, comparison: Comparison, change: ColumnChange) -> str:
    """Return a phrase for what would happen to the column, without its name or any value."""
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
      select from inn8_raw.landings l {pages}
        join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
        cross join lateral json_array_elements(p.body) as e (record)
       where l.tenant_id = %(tenant)s and l.id = %(landing)s and {property} is not null limit 1) o
    """
)
_PROPERTY = sql.SQL("inn8_raw.property({}, {})")


def _absent_properties(context: MergeContext, paths: Sequence[str]) -> list[str]:
    """Return the properties that no record of the landing has. For `security.isin` it may be `security` itself."""
    is_sent: dict[str, bool] = {}
    for path in paths:
        names = path.split(".")
        for depth in range(1, len(names) + 1):
            prefix = ".".join(names[:depth])
            if prefix not in is_sent:
                is_sent[prefix] = bool(
                    context.count(_COUNT_SENT.format(property=_property(names[:depth]), pages=pages_of("l")))
                )
            if not is_sent[prefix]:
                break
    return [prefix for prefix, found in is_sent.items() if not found]


def _property(names: Sequence[str]) -> sql.Composable:
    value: sql.Composable = sql.SQL("e.record")
    for name in names:
        value = _PROPERTY.format(value, sql.Literal(name))
    return value
