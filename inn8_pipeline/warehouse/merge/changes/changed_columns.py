"""Count the rows in which each column has changed, from the versions that the merge has just replaced."""

from collections.abc import Mapping

from psycopg import sql

from inn8_pipeline.entities import Dimension, Entity
from inn8_pipeline.warehouse.history.diff import compared_columns
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.schema.tables import HISTORY_SCHEMA, SCHEMA

# The index on `valid_to` finds the versions of this merge. An unchanged sync reads none.
_COUNT = sql.SQL(
    """
    select array[{counts}] as counts
      from {history} o
      join {table} n on n.tenant_id = o.tenant_id and n.id = o.id and n.valid_from = o.valid_to
     where o.tenant_id = %(tenant)s and o.valid_to >= %(changed_at)s and o.ended_by_landing_id = %(landing)s
    """
)
_COUNT_CHANGED = sql.SQL("count(*) filter (where o.{column} is distinct from n.{column})")


def count(context: MergeContext) -> Mapping[str, Mapping[str, int]]:
    """Return for each table that has changed the number of rows in which each column has; inserted rows do not count.

    The columns have the names that `inn8 diff` gives them.
    """
    found = {each.name: _count(context, each) for each in context.entity.declarations}
    return {table: columns for table, columns in found.items() if columns}


def _count(context: MergeContext, declared: Entity | Dimension) -> dict[str, int]:
    columns = list(compared_columns(declared))
    counts = sql.SQL(", ").join(_COUNT_CHANGED.format(column=sql.Identifier(column)) for _, column in columns)
    history, table = (sql.Identifier(schema, declared.name) for schema in (HISTORY_SCHEMA, SCHEMA))
    (row,) = context.run(_COUNT.format(counts=counts, history=history, table=table))
    return {shown: number for (shown, _), number in zip(columns, row["counts"], strict=True) if number}
